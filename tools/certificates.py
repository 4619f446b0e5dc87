"""Certificates for a server on 127.0.0.1, by openssl."""

import subprocess
from pathlib import Path


def make_certificates(folder: Path) -> None:
    """Make an authority, a server certificate that it signed, and a key for service accounts.

    They are ``ca.crt``, ``server.crt`` with ``server.key``, and ``sa.key`` with ``sa.pub``.
    """

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / "server.ext").write_text(
        "basicConstraints=critical,CA:FALSE\n"
        "keyUsage=critical,digitalSignature,keyEncipherment\n"
        "extendedKeyUsage=serverAuth\n"
        "subjectAltName=IP:127.0.0.1,DNS:localhost\n"
        "authorityKeyIdentifier=keyid\n",
        encoding="utf-8",
    )
    new_key = ("-newkey", "rsa:2048", "-nodes")
    openssl(
        *("req", "-x509", *new_key, "-days", "3650", "-subj", "/CN=test authority"),
        *("-addext", "keyUsage=critical,keyCertSign,cRLSign"),
        *("-keyout", "ca.key", "-out", "ca.crt"),
    )
    openssl(
        *("req", *new_key, "-subj", "/CN=kube-apiserver"),
        *("-keyout", "server.key", "-out", "server.csr"),
    )
    openssl(
        *("x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key"),
        *("-CAcreateserial", "-days", "3650", "-extfile", "server.ext", "-out", "server.crt"),
    )
    openssl("genrsa", "-out", "sa.key", "2048")
    openssl("rsa", "-in", "sa.key", "-pubout", "-out", "sa.pub")
