"""One way to write objects to the simulator and to a real API server."""

import asyncio
import json
from pathlib import Path
from typing import Any, Protocol

from exporter.resources.identity import GROUP
from exporter.simulator import ApiServer
from exporter.simulator.apiserver.served_resource import PODS
from support.crawl_writes import delete_crawl, patch_status
from tools.kube_apiserver import KubeApiserver

GROUP_PATH = f"/apis/{GROUP}/v1"


class Api(Protocol):
    """Where a test writes what the reflector is to see."""

    @property
    def port(self) -> int:
        """Where it listens on 127.0.0.1."""

    def kubeconfig(self, path: Path, *, port: int | None = None) -> Path:
        """Write a kubeconfig for it, or for another ``port`` that leads to it."""

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

    def expire_lists(self) -> None:
        """Let lists that are under way find their version forgotten, at once."""


class Simulated:
    """The simulator, written to within the process."""

    def __init__(self, server: ApiServer) -> None:
        self.server = server

    @property
    def port(self) -> int:
        return int(self.server.url.rpartition(":")[2])

    def kubeconfig(self, path: Path, *, port: int | None = None) -> Path:
        return _redirected(self.server.write_kubeconfig(path), port)

    async def create(self, value: dict[str, Any]) -> dict[str, Any]:
        return self.server.cluster.create(value)

    async def patch_status(self, namespace: str, crawl: str, **status: Any) -> None:
        patch_status(self.server.cluster, crawl, namespace=namespace, **status)

    async def delete(self, namespace: str, crawl: str) -> None:
        delete_crawl(self.server.cluster, crawl, namespace=namespace)

    async def patch_pod_status(self, namespace: str, name: str, **status: Any) -> None:
        merge = {"status": status}
        self.server.cluster.patch(namespace, name, merge, status=True, resource=PODS)

    async def delete_pod(self, namespace: str, name: str) -> None:
        self.server.cluster.delete(namespace, name, resource=PODS)

    def expire_lists(self) -> None:
        self.server.cluster.advance()
        self.server.cluster.compact()


class Real:
    """A real kube-apiserver and its etcd (``tools.kube_apiserver``)."""

    def __init__(self, server: KubeApiserver) -> None:
        self.server = server
        self.url = server.url
        self._namespaces = {"default", "crawlers"}
        self._labels = 0

    @property
    def port(self) -> int:
        return self.server.port

    def kubeconfig(self, path: Path, *, port: int | None = None) -> Path:
        return _redirected(self.server.write_kubeconfig(path), port)

    async def clear(self) -> None:
        """Delete what the test before has left."""
        listed = await self._request("GET", f"{GROUP_PATH}/crawljobs")
        for item in listed["items"]:
            await self._delete(item["metadata"]["namespace"], item["metadata"]["name"])
        listed = await self._request("GET", "/api/v1/pods")
        for item in listed["items"]:
            await self.delete_pod(item["metadata"]["namespace"], item["metadata"]["name"])
        listed = await self._request("GET", "/api/v1/persistentvolumeclaims")
        for item in listed["items"]:
            namespace, name = item["metadata"]["namespace"], item["metadata"]["name"]
            path = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims/{name}"
            await self._request("PATCH", path, {"metadata": {"finalizers": None}})
            if "deletionTimestamp" not in item["metadata"]:
                await self._request("DELETE", path)

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
        await self._delete(namespace, f"crawljob-{crawl}")

    async def _delete(self, namespace: str, name: str) -> None:
        path = f"{GROUP_PATH}/namespaces/{namespace}/crawljobs/{name}"
        stored = await self._request("PATCH", path, {"metadata": {"finalizers": None}})
        if "deletionTimestamp" not in stored["metadata"]:  # else that was the end of it
            await self._request("DELETE", path)

    async def patch_pod_status(self, namespace: str, name: str, **status: Any) -> None:
        path = f"/api/v1/namespaces/{namespace}/pods/{name}/status"
        await self._request("PATCH", path, {"status": status})

    async def delete_pod(self, namespace: str, name: str) -> None:
        options = {"kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 0}
        await self._request("DELETE", f"/api/v1/namespaces/{namespace}/pods/{name}", options)

    def expire_lists(self) -> None:
        self._labels += 1
        path, merge = "/api/v1/namespaces/crawlers", "application/merge-patch+json"
        labels = {"metadata": {"labels": {"times": str(self._labels)}}}
        self.server.request("PATCH", path, labels, content_type=merge)
        self.server.compact()

    async def _request(self, method: str, path: str, body: Any = None) -> Any:
        """In a thread: a TLS connection that is closed outlives its event loop by a moment."""
        patch = "application/merge-patch+json"
        content_type = patch if method == "PATCH" else "application/json"
        return await asyncio.to_thread(
            self.server.request, method, path, body, content_type=content_type
        )


def _redirected(path: Path, port: int | None) -> Path:
    if port is not None:
        config = json.loads(path.read_text())
        cluster = config["clusters"][0]["cluster"]
        cluster["server"] = f"{cluster['server'].rpartition(':')[0]}:{port}"
        path.write_text(json.dumps(config))
    return path
