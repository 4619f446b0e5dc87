"""Certificates that vouch for themselves, made by openssl."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

needs_openssl: Final = pytest.mark.skipif(
    shutil.which("openssl") is None,
    reason="openssl is not installed; it makes the certificates",
)


def certificate(
    folder: Path, name: str, *, host: str = "IP:127.0.0.1", encrypted: bool = False
) -> tuple[Path, Path]:
    """A certificate of ``host`` (as in a subjectAltName) and its key: NAME.crt and NAME.key."""
    paths = folder / f"{name}.crt", folder / f"{name}.key"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-days", "2"),
            *(("-passout", "pass:secret") if encrypted else ("-nodes",)),
            *("-subj", f"/CN={name}", "-addext", f"subjectAltName={host}"),
            *("-keyout", str(paths[1]), "-out", str(paths[0])),
        ],
        check=True,
        capture_output=True,
        env=os.environ | {"LC_ALL": "C"},
    )
    return paths
