"""Kubeconfigs, and an exec plugin that gives another token each time."""

import json
import sys
from pathlib import Path
from typing import Any, Final

import yaml

TOKEN: Final = "t0ken"  # noqa: S105 - of no server


def config(
    user: dict[str, Any] | None = None, cluster: dict[str, Any] | None = None, name: str = "main"
) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": f"{name}-cluster", "cluster": cluster or {"server": "http://api:1"}}],
        "users": [{"name": f"{name}-user", "user": user or {"token": TOKEN}}],
        "contexts": [
            {"name": name, "context": {"cluster": f"{name}-cluster", "user": f"{name}-user"}}
        ],
        "current-context": name,
    }


def write(path: Path, value: Any) -> Path:
    path.write_text(value if isinstance(value, str) else yaml.safe_dump(value))
    return path


def plugin(folder: Path, status: dict[str, Any], *, seconds: float | None = None) -> dict[str, Any]:
    """Write an exec plugin; each run adds one to the token's number."""
    script = folder / "plugin.py"
    script.write_text(
        f"""import datetime, json, pathlib
runs = pathlib.Path({str(folder / "runs")!r})
n = int(runs.read_text()) + 1 if runs.exists() else 1
runs.write_text(str(n))
status = json.loads({json.dumps(status)!r})
if "token" in status:
    status["token"] += str(n)
if {seconds!r} is not None:
    now = datetime.datetime.now(datetime.timezone.utc)
    expires = now + datetime.timedelta(seconds={seconds!r} or 0)
    status["expirationTimestamp"] = expires.strftime("%Y-%m-%dT%H:%M:%SZ")
print(json.dumps({{"apiVersion": "client.authentication.k8s.io/v1",
                  "kind": "ExecCredential", "status": status}}))
"""
    )
    return exec_user(sys.executable, str(script))


def exec_user(command: str, *args: str) -> dict[str, Any]:
    version = "client.authentication.k8s.io/v1"
    return {"exec": {"apiVersion": version, "command": command, "args": list(args)}}
