"""The kubeconfig with which clients find the simulator."""

import json
from pathlib import Path
from typing import Any


def write(path: Path, url: str, token: str | None, authority: Path | None) -> Path:
    """Write one, readable by its owner alone, and return its path.

    ``authority`` is the CA certificate that a client trusts; without it TLS is not verified.
    """
    server: dict[str, Any] = {"server": url}
    if authority is not None:
        server["certificate-authority"] = str(authority)
    elif url.startswith("https:"):
        server["insecure-skip-tls-verify"] = True
    name = "simulator"
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": server}],
        "users": [{"name": name, "user": {"token": token} if token else {}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }
    path.write_text(json.dumps(config, indent=2) + "\n")  # JSON is YAML
    path.chmod(0o600)
    return path
