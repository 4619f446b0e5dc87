"""A real kube-apiserver and its etcd on 127.0.0.1, for tests and benchmarks.

Started as controller-runtime's envtest starts them: no kubelet, no controllers, data in a folder
of its own, TLS with a certificate authority of its own. Both can be stopped and started again on
the same ports with the same data, as when a control plane is upgraded. A tenth of this file are
their flags.
Source: Kubernetes, "kube-apiserver" reference; kubebuilder, "Configuring envtest".
"""

import base64
import contextlib
import json
import os
import secrets
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from tools.browsertrix_crds import CRDS
from tools.certificates import make_certificates

ROOT: Final = Path(__file__).resolve().parents[1]
BUILT: Final = ROOT / ".tools" / "real" / "bin"
"""Where ``make real-tools`` puts programs."""
START_TIMEOUT: Final = 180.0
"""Seconds for a program to be ready, however slow the machine."""
GROUP_PATH: Final = "/apis/btrix.cloud/v1"


class NotInstalledError(Exception):
    """etcd or kube-apiserver is not there; the text says how to get them."""


class RefusedError(Exception):
    """The API server answered a request with an error."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(f"{status}: {body}")
        self.status = status
        self.body = body
        """The Status object."""


def assets() -> Path:
    """The folder with etcd and kube-apiserver: ``$KUBEBUILDER_ASSETS``, else what is built here.

    Raises NotInstalledError.
    """
    folder = Path(os.environ.get("KUBEBUILDER_ASSETS") or BUILT)
    if all(os.access(folder / name, os.X_OK) for name in ("etcd", "kube-apiserver")):
        return folder
    raise NotInstalledError(
        f"etcd and kube-apiserver are not in {folder}; `make real-tools` builds them (it needs "
        "Go), or KUBEBUILDER_ASSETS names a folder that has them"
    )


@dataclass(slots=True)
class KubeApiserver:
    """One API server; see ``started``."""

    folder: Path
    etcd_port: int
    etcd_peer_port: int
    port: int
    tokens: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    """By user: a token, and the groups that come with it."""
    arguments: Sequence[str] = ()
    """Further flags of kube-apiserver."""
    environment: Mapping[str, str] = field(default_factory=dict)
    _processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)
    _context: ssl.SSLContext | None = None

    @classmethod
    @contextlib.contextmanager
    def started(
        cls,
        folder: Path,
        *,
        users: Mapping[str, tuple[str, ...]] | None = None,
        arguments: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> Iterator[Self]:
        """Start both in ``folder``, with the CRD of CrawlJobs and the namespace ``crawlers``.

        ``users`` are further ones with their groups; without a role of RBAC they may do nothing.
        Raises NotInstalledError, TimeoutError.
        """
        etcd_port, etcd_peer_port, port = _free_ports(3)
        server = cls(
            folder,
            etcd_port,
            etcd_peer_port,
            port,
            {
                user: (secrets.token_hex(16), groups)
                for user, groups in {"admin": ("system:masters",), **(users or {})}.items()
            },
            arguments,
            environment or {},
        )
        make_certificates(folder)
        try:
            server.start_etcd()
            server.start_apiserver()
            server._install()
            yield server
        finally:
            server._kill()

    @property
    def url(self) -> str:
        """Where it is served."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def ca_file(self) -> Path:
        """The certificate of the authority that signed the server's."""
        return self.folder / "ca.crt"

    def pid(self, program: str = "kube-apiserver") -> int:
        """The process, of ``etcd`` or ``kube-apiserver``."""
        return self._processes[program].pid

    def token(self, user: str = "admin") -> str:
        """The bearer token of a user."""
        return self.tokens[user][0]

    def start_etcd(self) -> None:
        """Start etcd, with the data that it had."""
        self._start(
            "etcd",
            f"--data-dir={self.folder / 'etcd'}",
            f"--listen-client-urls={self._etcd_url}",
            f"--advertise-client-urls={self._etcd_url}",
            f"--listen-peer-urls=http://127.0.0.1:{self.etcd_peer_port}",
            "--unsafe-no-fsync",
        )
        self._wait_for("etcd", f"{self._etcd_url}/health")

    def stop_etcd(self) -> None:
        """Stop etcd; its data stays."""
        self._stop("etcd")

    def start_apiserver(self) -> None:
        """Start kube-apiserver and wait until it is ready."""
        tokens = self.folder / "tokens.csv"
        tokens.write_text(
            "".join(
                f'{token},{user},{user},"{",".join(groups)}"\n'
                for user, (token, groups) in self.tokens.items()
            ),
            encoding="utf-8",
        )
        self._start(
            "kube-apiserver",
            f"--etcd-servers={self._etcd_url}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            f"--secure-port={self.port}",
            "--endpoint-reconciler-type=none",
            f"--tls-cert-file={self.folder / 'server.crt'}",
            f"--tls-private-key-file={self.folder / 'server.key'}",
            f"--token-auth-file={tokens}",
            "--authorization-mode=RBAC",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={self.folder / 'sa.pub'}",
            f"--service-account-signing-key-file={self.folder / 'sa.key'}",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--disable-admission-plugins=ServiceAccount",
            *self.arguments,
        )
        self._wait_for("kube-apiserver", f"{self.url}/readyz")

    def stop_apiserver(self) -> None:
        """Stop kube-apiserver; every watch is cut."""
        self._stop("kube-apiserver")

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        content_type: str = "application/json",
        user: str = "admin",
    ) -> Any:
        """Send one request and decode its JSON. Raises RefusedError."""
        return self._send(
            f"{self.url}{path}",
            method,
            body,
            content_type,
            {"Authorization": f"Bearer {self.token(user)}"},
        )

    def compact(self) -> None:
        """Forget all versions before now, in etcd; the API server's watch cache does not notice."""
        status = self._send(f"{self._etcd_url}/v3/maintenance/status", "POST", {})
        revision = int(status["header"]["revision"])
        self._send(f"{self._etcd_url}/v3/kv/compaction", "POST", {"revision": revision})

    def write_kubeconfig(self, path: Path, *, user: str = "admin") -> Path:
        """Write a kubeconfig with a user's token, and the authority's certificate in it."""
        return write_kubeconfig(path, self.url, self.ca_file, user, self.token(user))

    @property
    def _etcd_url(self) -> str:
        return f"http://127.0.0.1:{self.etcd_port}"

    def _install(self) -> None:
        for definition in CRDS.values():
            path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
            self.request("POST", path, definition)
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "crawlers"}}
        self.request("POST", "/api/v1/namespaces", namespace)
        deadline = time.monotonic() + START_TIMEOUT
        for plural in CRDS:
            self._wait_until_served(plural, deadline)

    def _wait_until_served(self, plural: str, deadline: float) -> None:
        while True:
            try:
                self.request("GET", f"{GROUP_PATH}/{plural}?limit=1")
            except RefusedError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
            else:
                return

    def _start(self, program: str, *arguments: str) -> None:
        log = (self.folder / f"{program}.log").open("ab")
        with log:
            self._processes[program] = subprocess.Popen(
                [assets() / program, *arguments],
                stdout=log,
                stderr=log,
                env={**os.environ, **self.environment},
            )

    def _stop(self, program: str) -> None:
        process = self._processes.pop(program, None)
        if process is not None:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _kill(self) -> None:
        """End all at once: asked to, it would first wait for those that still watch."""
        for process in self._processes.values():
            process.kill()
            process.wait()
        self._processes.clear()

    def _wait_for(self, program: str, url: str) -> None:
        process = self._processes[program]
        deadline = time.monotonic() + START_TIMEOUT
        headers = {"Authorization": f"Bearer {self.token()}"}
        while True:
            if process.poll() is not None:
                raise RuntimeError(f"{program} ended: {self._end_of_log(program)}")
            try:
                request = urllib.request.Request(url, headers=headers)
                with urllib.request.urlopen(request, timeout=10, context=self._tls()):
                    return
            except OSError as error:  # HTTPError and URLError are OSErrors
                if isinstance(error, urllib.error.HTTPError):
                    error.close()
                if time.monotonic() > deadline:
                    text = f"{program} is not ready: {self._end_of_log(program)}"
                    raise TimeoutError(text) from None
                time.sleep(0.05)

    def _end_of_log(self, program: str) -> str:
        text = (self.folder / f"{program}.log").read_text(encoding="utf-8", errors="replace")
        return text[-2000:]

    def _send(
        self,
        url: str,
        method: str,
        body: Any,
        content_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            url, data=data, method=method, headers={"Content-Type": content_type, **(headers or {})}
        )
        context = self._tls() if url.startswith("https") else None
        try:
            with urllib.request.urlopen(request, timeout=60, context=context) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            with error:  # it holds the connection open
                raise RefusedError(error.code, json.load(error)) from None

    def _tls(self) -> ssl.SSLContext:
        if self._context is None:
            self._context = ssl.create_default_context(cafile=self.ca_file)
        return self._context


def write_kubeconfig(path: Path, url: str, ca_file: Path, user: str, token: str) -> Path:
    """Write a kubeconfig of one server, which is believed where that authority signed for it."""
    authority = base64.b64encode(ca_file.read_bytes()).decode()
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": "c", "cluster": {"server": url, "certificate-authority-data": authority}}
        ],
        "users": [{"name": user, "user": {"token": token}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": user}}],
        "current-context": "x",
    }
    path.write_text(json.dumps(config), encoding="utf-8")  # JSON is YAML, too
    path.chmod(0o600)
    return path


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for found in sockets:
            found.bind(("127.0.0.1", 0))
        return [found.getsockname()[1] for found in sockets]
