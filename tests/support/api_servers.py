"""One way to write objects to the simulator and to a real API server."""

import asyncio
import contextlib
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol, Self

import aiohttp
import yaml

from exporter.resources.identity import GROUP
from exporter.simulator import ApiServer
from exporter.simulator.apiserver.served_resource import PODS

GROUP_PATH = f"/apis/{GROUP}/v1"
CRD = Path(__file__).with_name("crd.yaml")
TOKEN = "admin-token-of-these-tests"  # noqa: S105 - of a server that exists for a test


class Api(Protocol):
    """Where a test writes what the reflector is to see."""

    def kubeconfig(self, path: Path) -> Path:
        """Write a kubeconfig for it."""

    async def create(self, value: dict[str, Any]) -> dict[str, Any]:
        """Create one object, of whichever resource, with its status; returns it as stored."""

    async def patch_status(self, namespace: str, crawl: str, **status: Any) -> None:
        """Merge into the status of one CrawlJob."""

    async def delete(self, namespace: str, crawl: str) -> None:
        """Delete one CrawlJob, finalizers and all."""

    async def patch_pod_status(self, namespace: str, name: str, **status: Any) -> None:
        """Merge into the status of one pod."""

    async def delete_pod(self, namespace: str, name: str) -> None:
        """Delete one pod."""


class Simulated:
    """The simulator, written to within the process."""

    def __init__(self, server: ApiServer) -> None:
        self.server = server

    def kubeconfig(self, path: Path) -> Path:
        return self.server.write_kubeconfig(path)

    async def create(self, value: dict[str, Any]) -> dict[str, Any]:
        return self.server.cluster.create(value)

    async def patch_status(self, namespace: str, crawl: str, **status: Any) -> None:
        merge = {"status": status}
        self.server.cluster.patch(namespace, f"crawljob-{crawl}", merge, status=True)

    async def delete(self, namespace: str, crawl: str) -> None:
        name = f"crawljob-{crawl}"
        self.server.cluster.delete(namespace, name)
        with contextlib.suppress(Exception):
            self.server.cluster.patch(namespace, name, {"metadata": {"finalizers": None}})

    async def patch_pod_status(self, namespace: str, name: str, **status: Any) -> None:
        merge = {"status": status}
        self.server.cluster.patch(namespace, name, merge, status=True, resource=PODS)

    async def delete_pod(self, namespace: str, name: str) -> None:
        self.server.cluster.delete(namespace, name, resource=PODS)


class Real:
    """etcd and kube-apiserver, started as controller-runtime's envtest starts them."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._namespaces = {"default"}

    @staticmethod
    def installed() -> bool:
        folder = os.environ.get("KUBEBUILDER_ASSETS")
        return bool(folder) and all(
            os.access(Path(folder or "", name), os.X_OK) for name in ("etcd", "kube-apiserver")
        )

    @classmethod
    @contextlib.contextmanager
    def started(cls, folder: Path) -> Iterator[Self]:
        """Start both in a folder of their own, with the CRD installed, for as long as needed."""
        assets = Path(os.environ["KUBEBUILDER_ASSETS"])
        client, peer, secure = _free_ports(3)
        tokens, key = folder / "tokens.csv", folder / "sa.key"
        tokens.write_text(f"{TOKEN},admin,admin,system:masters\n")
        subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
        etcd_url = f"http://127.0.0.1:{client}"
        commands = (
            [
                str(assets / "etcd"),
                f"--data-dir={folder / 'etcd'}",
                f"--listen-client-urls={etcd_url}",
                f"--advertise-client-urls={etcd_url}",
                f"--listen-peer-urls=http://127.0.0.1:{peer}",
                "--unsafe-no-fsync",
            ],
            [
                str(assets / "kube-apiserver"),
                f"--etcd-servers={etcd_url}",
                f"--cert-dir={folder / 'certificates'}",
                "--bind-address=127.0.0.1",
                f"--secure-port={secure}",
                f"--token-auth-file={tokens}",
                "--authorization-mode=RBAC",
                "--service-account-issuer=https://localhost",
                f"--service-account-key-file={key}",
                f"--service-account-signing-key-file={key}",
                "--service-cluster-ip-range=10.0.0.0/24",
                "--disable-admission-plugins=ServiceAccount",
            ],
        )
        with contextlib.ExitStack() as stack:
            for command in commands:
                log = stack.enter_context((folder / f"{Path(command[0]).name}.log").open("wb"))
                process = subprocess.Popen(command, stdout=log, stderr=log)
                stack.callback(process.wait, 30)
                stack.callback(process.terminate)
            real = cls(f"https://127.0.0.1:{secure}")
            asyncio.run(real._install())
            yield real

    async def _install(self) -> None:
        async with asyncio.timeout(90):
            await self._until_ok("/readyz")
            definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
            definition = yaml.safe_load(CRD.read_text())
            await self._request("POST", definitions, definition)
            await self._until_ok(f"{GROUP_PATH}/crawljobs")

    def kubeconfig(self, path: Path) -> Path:
        config = {
            "clusters": [
                {"name": "c", "cluster": {"server": self.url, "insecure-skip-tls-verify": True}}
            ],
            "users": [{"name": "u", "user": {"token": TOKEN}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
        path.write_text(yaml.safe_dump(config))
        return path

    async def clear(self) -> None:
        """Delete what the test before has left."""
        listed = await self._request("GET", f"{GROUP_PATH}/crawljobs")
        for item in listed["items"]:
            meta = item["metadata"]
            await self.delete(meta["namespace"], meta["name"].removeprefix("crawljob-"))
        listed = await self._request("GET", "/api/v1/pods")
        for item in listed["items"]:
            await self.delete_pod(item["metadata"]["namespace"], item["metadata"]["name"])

    async def create(self, value: dict[str, Any]) -> dict[str, Any]:
        namespace, name = value["metadata"]["namespace"], value["metadata"]["name"]
        if namespace not in self._namespaces:
            body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
            await self._request("POST", "/api/v1/namespaces", body)
            self._namespaces.add(namespace)
        given = ("resourceVersion", "uid", "creationTimestamp", "generation")
        meta = {key: item for key, item in value["metadata"].items() if key not in given}
        version, plural = value["apiVersion"], f"{value['kind'].lower()}s"
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        path = f"{root}/namespaces/{namespace}/{plural}"
        made: dict[str, Any] = await self._request("POST", path, value | {"metadata": meta})
        if "status" in value:
            made["status"] = value["status"]
            made = await self._request("PUT", f"{path}/{name}/status", made)
        return made

    async def patch_status(self, namespace: str, crawl: str, **status: Any) -> None:
        path = f"{GROUP_PATH}/namespaces/{namespace}/crawljobs/crawljob-{crawl}/status"
        await self._request("PATCH", path, {"status": status})

    async def delete(self, namespace: str, crawl: str) -> None:
        path = f"{GROUP_PATH}/namespaces/{namespace}/crawljobs/crawljob-{crawl}"
        await self._request("PATCH", path, {"metadata": {"finalizers": None}})
        await self._request("DELETE", path)

    async def patch_pod_status(self, namespace: str, name: str, **status: Any) -> None:
        path = f"/api/v1/namespaces/{namespace}/pods/{name}/status"
        await self._request("PATCH", path, {"status": status})

    async def delete_pod(self, namespace: str, name: str) -> None:
        options = {"kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 0}
        await self._request("DELETE", f"/api/v1/namespaces/{namespace}/pods/{name}", options)

    async def _until_ok(self, path: str) -> None:
        while True:
            with contextlib.suppress(aiohttp.ClientError, AssertionError):
                await self._request("GET", path)
                return
            await asyncio.sleep(0.1)

    async def _request(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        if method == "PATCH":
            headers["Content-Type"] = "application/merge-patch+json"
        # Its certificate is its own, made at its start.
        async with (
            aiohttp.ClientSession(self.url, headers=headers) as session,
            session.request(method, path, json=body, ssl=False) as response,
        ):
            assert response.status < 300, await response.text()
            return yaml.safe_load(await response.text())


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for found in sockets:
            found.bind(("127.0.0.1", 0))
        return [found.getsockname()[1] for found in sockets]
