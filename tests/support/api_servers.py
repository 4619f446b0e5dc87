"""One way to write objects to the simulator and to a real API server, and to disturb both."""

import asyncio
import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Protocol, Self

import aiohttp
import pytest

from exporter.resources.identity import GROUP
from exporter.simulator import ApiServer
from exporter.simulator.apiserver.served_resource import PODS
from tools.kube_apiserver import KubeApiserver, NotInstalledError, assets

GROUP_PATH: Final = f"/apis/{GROUP}/v1"
USER: Final = "simulated"
"""A user who may do nothing, unless ``Api.allow`` was called."""
FLAGS: Final = ("--feature-gates=ListFromCacheSnapshot=false",)
"""A list's pages come from etcd, so a compaction expires a continue token at once; with the gate
the watch cache keeps its own snapshots, and looks for compactions once a minute."""


class Api(Protocol):
    """Where a test writes what the reflector is to see."""

    @property
    def port(self) -> int:
        """Where it listens, on 127.0.0.1."""

    def kubeconfig(self, path: Path, *, user: str = ..., port: int | None = None) -> Path:
        """Write a kubeconfig for one who may do everything, or another user.

        ``port`` is another one that leads to it.
        """

    async def create(self, value: dict[str, Any]) -> dict[str, Any]:
        """Create one object, of whichever resource, with its status; returns it as stored."""

    async def patch(self, namespace: str, crawl: str, merge: dict[str, Any], manager: str) -> None:
        """Merge into one CrawlJob, but for its status, as a field manager."""

    async def patch_status(
        self, namespace: str, crawl: str, *, manager: str = ..., **status: Any
    ) -> None:
        """Merge into the status of one CrawlJob."""

    async def delete(self, namespace: str, crawl: str) -> None:
        """Delete one CrawlJob, finalizers and all."""

    async def patch_pod_status(self, namespace: str, name: str, **status: Any) -> None:
        """Merge into the status of one pod."""

    async def delete_pod(self, namespace: str, name: str) -> None:
        """Delete one pod."""

    async def compact(self) -> None:
        """Forget all versions before now: lists under way expire."""

    async def stop(self) -> None:
        """Stop it; all watches are cut, and it cannot be reached."""

    async def start(self) -> None:
        """Start it again; its watch cache begins now, so watches from before are too old."""

    async def allow(self) -> None:
        """Let ``USER`` list and watch CrawlJobs in the namespace ``crawlers``."""

    async def deny(self) -> None:
        """Undo ``allow``."""

    def token(self) -> str:
        """What ``USER`` is known by."""

    async def change_token(self) -> str:
        """Restart with another token for ``USER``, which is returned, and refuse the old."""


class Simulated:
    """The simulator, written to within the process."""

    def __init__(self, server: ApiServer) -> None:
        self.server = server
        self._token = "first"  # noqa: S105 - of a server that exists for a test

    @property
    def port(self) -> int:
        return int(self.server.url.rpartition(":")[2])

    def kubeconfig(self, path: Path, *, user: str = "", port: int | None = None) -> Path:
        self.server.write_kubeconfig(path, self._token if user else None)
        return _redirected(path, port)

    async def create(self, value: dict[str, Any]) -> dict[str, Any]:
        return self.server.cluster.create(value)

    async def patch(self, namespace: str, crawl: str, merge: dict[str, Any], manager: str) -> None:
        self.server.cluster.patch(namespace, f"crawljob-{crawl}", merge, manager=manager)

    async def patch_status(
        self, namespace: str, crawl: str, *, manager: str = "metacontroller", **status: Any
    ) -> None:
        merge = {"status": status}
        self.server.cluster.patch(
            namespace, f"crawljob-{crawl}", merge, status=True, manager=manager
        )

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

    async def compact(self) -> None:
        self.server.cluster.compact()

    async def stop(self) -> None:
        await self.server.stop()

    async def start(self) -> None:
        await self.server.start(cold=True)

    async def allow(self) -> None:
        self.server.forbidden.discard("crawlers")

    async def deny(self) -> None:
        self.server.forbidden.add("crawlers")

    def token(self) -> str:
        self.server.tokens = {self._token}
        return self._token

    async def change_token(self) -> str:
        self._token = "second"  # noqa: S105 - see above
        await self.stop()
        self.server.tokens = {self._token}
        await self.start()
        return self._token


class Real:
    """etcd and kube-apiserver; what it has is deleted between two tests."""

    def __init__(self, server: KubeApiserver) -> None:
        self.server = server
        self._namespaces = {"default", "crawlers"}
        self._tokens = 0
        self._stopped = False

    @classmethod
    @contextlib.contextmanager
    def started(cls, folder: Path) -> Iterator[Self]:
        """Start both in a folder of their own, with the CRD installed, for as long as needed."""
        with KubeApiserver.started(folder, users={USER: ()}, arguments=FLAGS) as server:
            yield cls(server)

    @property
    def port(self) -> int:
        return self.server.port

    def kubeconfig(self, path: Path, *, user: str = "admin", port: int | None = None) -> Path:
        return _redirected(self.server.write_kubeconfig(path, user=user), port)

    async def clear(self) -> None:
        """Delete what the test before has left."""
        if self._stopped:
            await self.start()
        await self.deny()
        listed = await self._request("GET", f"{GROUP_PATH}/crawljobs")
        for item in listed["items"]:
            await self._delete(item["metadata"]["namespace"], item["metadata"]["name"])
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

    async def patch(self, namespace: str, crawl: str, merge: dict[str, Any], manager: str) -> None:
        await self._request("PATCH", f"{_path(namespace, crawl)}?fieldManager={manager}", merge)

    async def apply(
        self, namespace: str, crawl: str, fields: dict[str, Any], manager: str, sub: str = ""
    ) -> None:
        """Apply to one CrawlJob, or to a subresource of it, on the server's side."""
        path = f"{_path(namespace, crawl)}{sub and f'/{sub}'}?fieldManager={manager}&force=true"
        value = {
            "apiVersion": f"{GROUP}/v1",
            "kind": "CrawlJob",
            "metadata": {"name": f"crawljob-{crawl}", "namespace": namespace},
            **fields,
        }
        await self._request("PATCH", path, value, "application/apply-patch+yaml")

    async def patch_status(
        self, namespace: str, crawl: str, *, manager: str = "metacontroller", **status: Any
    ) -> None:
        path = f"{_path(namespace, crawl)}/status?fieldManager={manager}"
        await self._request("PATCH", path, {"status": status})

    async def delete(self, namespace: str, crawl: str) -> None:
        await self._delete(namespace, f"crawljob-{crawl}")

    async def _delete(self, namespace: str, name: str) -> None:
        path = f"{GROUP_PATH}/namespaces/{namespace}/crawljobs/{name}"
        stored = await self._request("PATCH", path, {"metadata": {"finalizers": None}})
        if "deletionTimestamp" not in stored["metadata"]:  # else it was deleted by that
            await self._request("DELETE", path)

    async def patch_pod_status(self, namespace: str, name: str, **status: Any) -> None:
        path = f"/api/v1/namespaces/{namespace}/pods/{name}/status"
        await self._request("PATCH", path, {"status": status})

    async def delete_pod(self, namespace: str, name: str) -> None:
        options = {"kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 0}
        await self._request("DELETE", f"/api/v1/namespaces/{namespace}/pods/{name}", options)

    async def compact(self) -> None:
        await asyncio.to_thread(self.server.compact)

    async def stop(self) -> None:
        self._stopped = True
        await asyncio.to_thread(self.server.stop_apiserver)

    async def start(self) -> None:
        await asyncio.to_thread(self.server.start_apiserver)
        self._stopped = False

    async def allow(self) -> None:
        rule = {"apiGroups": [GROUP], "resources": ["crawljobs"], "verbs": ["list", "watch"]}
        await self._request("POST", _ROLES, {"metadata": {"name": USER}, "rules": [rule]})
        group = "rbac.authorization.k8s.io"
        binding = {
            "metadata": {"name": USER},
            "roleRef": {"apiGroup": group, "kind": "Role", "name": USER},
            "subjects": [{"apiGroup": group, "kind": "User", "name": USER}],
        }
        await self._request("POST", _BINDINGS, binding)

    async def deny(self) -> None:
        for path in (_BINDINGS, _ROLES):
            await self._request("DELETE", path)  # all there are

    def token(self) -> str:
        return self.server.token(USER)

    async def change_token(self) -> str:
        self._tokens += 1
        _, groups = self.server.tokens[USER]
        self.server.tokens[USER] = (f"token-{self._tokens}-of-a-test", groups)
        await self.stop()
        await self.start()
        return self.token()

    async def _request(self, method: str, path: str, body: Any = None, kind: str = "") -> Any:
        kind = kind or ("application/merge-patch+json" if method == "PATCH" else "application/json")
        headers = {"Authorization": f"Bearer {self.server.token()}", "Content-Type": kind}
        data = None if body is None else json.dumps(body)
        async with (
            aiohttp.ClientSession(self.server.url, headers=headers) as session,
            session.request(method, path, data=data, ssl=self.server.tls()) as response,
        ):
            assert response.status < 300, await response.text()
            return await response.json()


_ROLES: Final = "/apis/rbac.authorization.k8s.io/v1/namespaces/crawlers/roles"
_BINDINGS: Final = "/apis/rbac.authorization.k8s.io/v1/namespaces/crawlers/rolebindings"


def require_real() -> None:
    """Skip the test where there is no real API server; fail it where CI could have built one."""
    try:
        assets()
    except NotInstalledError as error:
        if os.environ.get("CI") and shutil.which("go") is not None:
            pytest.fail(str(error))
        pytest.skip(str(error))


def _path(namespace: str, crawl: str) -> str:
    return f"{GROUP_PATH}/namespaces/{namespace}/crawljobs/crawljob-{crawl}"


def _redirected(path: Path, port: int | None) -> Path:
    if port is not None:
        config = json.loads(path.read_text())
        server = config["clusters"][0]["cluster"]
        server["server"] = f"{server['server'].rpartition(':')[0]}:{port}"
        path.write_text(json.dumps(config))
    return path
