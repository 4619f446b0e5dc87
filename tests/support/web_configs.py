"""Web configurations with their certificates, and clients that know some of these."""

import base64
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import bcrypt
import yaml

from support.certificates import certificate

PASSWORD: Final = "opensesame"  # noqa: S105 - of no server
_COST: Final = 4  # the least there is: tests wait for it


def hashed(password: str = PASSWORD) -> str:
    """As htpasswd makes it."""
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(_COST)).decode().replace("$2b$", "$2y$")


def basic(name: str, password: str = PASSWORD) -> str:
    """The value of ``Authorization``."""
    return f"Basic {base64.b64encode(f'{name}:{password}'.encode()).decode()}"


def write_web_config(path: Path, content: Any) -> Path:
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return path


@dataclass(frozen=True)
class Certificates:
    """``server``, ``prometheus`` and ``stranger``, each NAME.crt and NAME.key in one folder."""

    folder: Path

    def server_config(self, **more: Any) -> dict[str, Any]:
        """``tls_server_config`` with absolute paths."""
        files = {"cert_file": self.folder / "server.crt", "key_file": self.folder / "server.key"}
        return {"tls_server_config": {name: str(path) for name, path in files.items()} | more}

    def mutual(self, **more: Any) -> dict[str, Any]:
        """The same, for clients that have Prometheus's certificate."""
        return self.server_config(
            client_auth_type="RequireAndVerifyClientCert",
            client_ca_file=str(self.folder / "prometheus.crt"),
            **more,
        )

    def client(self, name: str | None = None) -> ssl.SSLContext:
        """Believes the server; shows the certificate of this name, if any."""
        context = ssl.create_default_context(cafile=str(self.folder / "server.crt"))
        if name is not None:
            context.load_cert_chain(self.folder / f"{name}.crt", self.folder / f"{name}.key")
        return context


def make_certificates(folder: Path) -> Certificates:
    certificate(folder, "server", host="IP:127.0.0.1,DNS:localhost")
    certificate(
        folder,
        "prometheus",
        host="DNS:prometheus,IP:::1,email:scrapes@example.org,URI:spiffe://cluster/prometheus",
    )
    certificate(folder, "stranger", host="DNS:stranger")
    return Certificates(folder)
