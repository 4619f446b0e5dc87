"""The simulator answers as a real API server does: both are sent the same requests.

What differs by its nature (uids, versions, times, tokens) is replaced by names, the same for the
same value. Of a message whose text is that of Go's parsers only the beginning is compared.

It is long because a script per subject, with all of its requests, is read most easily in one place.

Not in the simulator, and therefore in no script: JSON patches and server-side apply, deletion of a
collection, tables and YAML, the scale subresource, and the schema and defaults of pods and claims;
those of the scripts have nothing left to fill in. Nor is who wrote which item of their lists.
"""

import asyncio
import contextlib
import json
import re
import ssl
import urllib.parse
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPConnection, HTTPMessage, HTTPSConnection
from typing import Any, Final

import pytest

from exporter.simulator import ApiServer
from exporter.simulator.apiserver import discovery
from exporter.simulator.browsertrix.claim import claim as new_claim
from exporter.simulator.browsertrix.pod_manifest import pod as new_pod
from exporter.simulator.browsertrix.pod_plan import PodPlan
from support.api_client import jobs
from support.api_servers import Real
from support.waiting import WAIT_TIMEOUT

USER: Final = "simulated"
"""Who may do nothing, by the name that the simulator gives to everybody."""
HEADERS: Final = ("Content-Type", "Retry-After")
"""Those that a client goes by."""
STARTS_ETCD: Final = pytest.mark.slow("the first starts etcd and kube-apiserver")
PODS: Final = "/api/v1/namespaces/crawlers/pods"
CLAIMS: Final = "/api/v1/namespaces/crawlers/persistentvolumeclaims"
MERGE: Final = "application/merge-patch+json"


@dataclass
class Script:
    """Sends requests, and writes down what was answered."""

    connection: Callable[[], HTTPConnection]
    tokens: dict[str, str]
    compact: Callable[[], None]
    answers: list[Any] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    left_out: frozenset[str] = frozenset()
    """Fields that are not compared."""

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        kind: str = "",
        accept: str = "application/json",
        user: str = "admin",
        upto: str = "",
        **query: Any,
    ) -> Any:
        """Send one request; returns the decoded body, of a watch its events.

        ``upto`` is the part of a message up to which it is compared.
        """
        headers = {
            "Accept": accept,
            "Content-Type": kind or (MERGE if method == "PATCH" else "application/json"),
            "User-Agent": "script/1",
        }
        if token := self.tokens.get(user):
            headers["Authorization"] = f"Bearer {token}"
        params = {name: str(value) for name, value in query.items()}
        target = f"{path}?{urllib.parse.urlencode(params)}" if params else path
        data = body if isinstance(body, str | None) else json.dumps(body)
        status, got, text = await asyncio.to_thread(self._send, method, target, data, headers)
        answer = _decoded(text)
        self.answers.append(
            {
                "request": f"{method} {path} {self._named(params)} {self._named(body)}",
                "status": status,
                **{name: got.get(name) for name in HEADERS},
                "body": self._named(_up_to(upto, answer)),
            }
        )
        return answer

    def _send(
        self, method: str, target: str, body: str | None, headers: dict[str, str]
    ) -> tuple[int, HTTPMessage, str]:
        with contextlib.closing(self.connection()) as connection:
            connection.request(method, target, body, headers)
            response = connection.getresponse()
            return response.status, response.headers, response.read().decode()

    async def create(self, name: str, **more: Any) -> Any:
        return await self.ask("POST", jobs(), job(name, **more))

    def _named(self, value: Any, key: str = "") -> Any:
        """The value with names for what differs from server to server."""
        if isinstance(value, dict):
            if "items" in value and "metadata" in value:  # not those of a volume
                value = _without_version(value)
            if value.get("type") == "BOOKMARK":
                value = {**value, "object": _without_version(value["object"])}
            return {
                name: self._named(item, name)
                for name, item in sorted(value.items())
                if name not in self.left_out
            }
        if isinstance(value, list):
            return _sorted([self._named(item) for item in value], key)
        if key == "continue" and value:  # with the version of the last write, by whomever
            return "<continue>"
        if key in {"resourceVersion", "uid"} and value not in {"", "0"}:
            return self.names.setdefault(value, f"<{key} {len(self.names)}>")
        if key in {"creationTimestamp", "deletionTimestamp", "time"}:
            return "<time>"
        if key == "message":
            value = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "<uid>", value)
            value = re.sub(
                r"(resource version: |\(|Version in record \(|current: )\d+", r"\1<version>", value
            )
        return value


def _without_version(value: dict[str, Any]) -> dict[str, Any]:
    """Of a list or a bookmark, whose version is that of the last write, by whomever."""
    return {**value, "metadata": {**value["metadata"], "resourceVersion": ""}}


def _sorted(items: list[Any], key: str) -> list[Any]:
    if key == "managedFields":  # their order is that of their times
        return sorted(items, key=lambda one: (one["manager"], one.get("subresource", "")))
    if key == "causes":  # of a custom resource the real one finds some twice
        return [one for number, one in enumerate(items) if one not in items[:number]]
    return items


def _decoded(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        pass
    try:
        return [json.loads(line) for line in text.splitlines()]
    except ValueError:
        return text


def _up_to(part: str, answer: Any) -> Any:
    if not part:
        return answer
    assert part in answer["message"]
    return {**answer, "message": part}


def job(name: str, **more: Any) -> dict[str, Any]:
    value = {
        "apiVersion": "btrix.cloud/v1",
        "kind": "CrawlJob",
        "metadata": {"name": name, "namespace": "crawlers", **more.pop("metadata", {})},
        "spec": {"id": name, "scale": 1},
    }
    return value | more


def pod(name: str, node: str = "", **labels: str) -> dict[str, Any]:
    """A pod in which nothing is left for the API server to fill in."""
    plan = PodPlan(
        namespace="crawlers",
        name=name,
        labels=labels or {"role": "none"},
        container="redis",
        image="redis:7",
        memory=1 << 30,
        memory_limit=2 << 30,
        cpu=0.5,
        claim=name,
    )
    value = new_pod(plan, 0)
    del value["status"], value["metadata"]["creationTimestamp"]
    return {**value, "spec": {**value["spec"], **({"nodeName": node} if node else {})}}


def claim(name: str, **labels: str) -> dict[str, Any]:
    """A claim in which nothing is left for the API server to fill in."""
    value = new_claim(
        PodPlan(
            namespace="crawlers",
            name=name,
            labels=labels,
            container="crawler",
            image="crawler:1",
            memory=1,
            memory_limit=1,
            cpu=1,
            claim=name,
        ),
        22 << 30,
        0,
    )
    del value["status"], value["metadata"]["creationTimestamp"]
    return value


# -- the scripts


async def creates(script: Script) -> None:
    made = await script.create("a", metadata={"labels": {"role": "job"}}, status={"state": "x"})
    await script.ask("GET", jobs(name="a"))
    await script.ask("GET", jobs(name="a", sub="status"))
    await script.create("a")
    await script.create("", metadata={"name": ""})
    await script.create("b", metadata={"namespace": "elsewhere"})
    await script.create("b", metadata={"resourceVersion": "1"})
    await script.create("b", metadata={"uid": made["metadata"]["uid"], "generation": 9})
    await script.ask("POST", jobs(), {**job("c"), "metadata": 3})
    await script.ask("POST", jobs(), {"metadata": {"name": "without-a-kind"}})
    await script.ask("POST", jobs(), "{", upto="couldn't get version/kind; json parse error")
    await script.ask("POST", jobs(), "[]", upto="couldn't get version/kind; json parse error")
    await script.ask("POST", jobs(), job("c"), kind="text/plain")
    await script.ask("GET", jobs(name="none"))
    await script.ask("GET", jobs(name="none", sub="status"))


async def updates(script: Script) -> None:
    made = await script.create("a")
    made["spec"]["scale"] = 2
    put = await script.ask("PUT", jobs(name="a"), made)
    await script.ask("PUT", jobs(name="a"), made)
    await script.ask("PUT", jobs(name="a"), job("a"))
    await script.ask("PUT", jobs(name="none"), job("none"))
    await script.ask("PUT", jobs(name="b"), put)
    await script.ask("PUT", jobs(name="a"), {"metadata": {"name": "a"}})
    await script.ask("PUT", jobs(name="a"), put)  # changes nothing
    put["status"] = {"state": "running", "pods": {"p": 1}}
    await script.ask("PUT", jobs(name="a"), put)
    await script.ask("PUT", jobs(name="a", sub="status"), {**put, "spec": {}})
    await script.ask("GET", jobs(name="a"))


async def patches(script: Script) -> None:
    await script.create("a")
    both = {"spec": {"scale": 3, "id": None}, "status": {"state": "running"}}
    await script.ask("PATCH", jobs(name="a"), both)
    await script.ask("PATCH", jobs(name="a", sub="status"), both)
    await script.ask("PATCH", jobs(name="a", sub="status"), {"status": {"state": "paused"}})
    await script.ask("PATCH", jobs(name="a"), {"spec": {"scale": 3}})  # changes nothing
    await script.ask("PATCH", jobs(name="a"), {"metadata": {"labels": {"role": "job"}}})
    await script.ask("PATCH", jobs(name="a"), {"metadata": {"resourceVersion": "1"}, "spec": {}})
    await script.ask("PATCH", jobs(name="none"), {"spec": {}})
    await script.ask("PATCH", jobs(name="none", sub="status"), {"status": {}})
    for metadata in (
        {"uid": "another"},
        {"name": "another"},
        {"namespace": "another"},
        {"deletionTimestamp": "2020-01-01T00:00:00Z"},
        {"generation": 9, "creationTimestamp": None, "managedFields": None},
    ):
        await script.ask("PATCH", jobs(name="a"), {"metadata": metadata})
    await script.ask("PATCH", jobs(name="a"), "[]")
    await script.ask("PATCH", jobs(name="a"), "{", upto="invalid JSON patch")
    await script.ask("PATCH", jobs(name="a"), {}, kind="application/strategic-merge-patch+json")


async def managers(script: Script) -> None:
    spec = {"x": 1, "y": 2, "z": {"k": 1, "l": [1, 2]}}
    await script.ask("POST", jobs(), job("a", spec=spec), fieldManager="backend")
    writes: list[tuple[str, str, dict[str, Any]]] = [
        ("operator", "", {"spec": {"y": 3, "z": {"k": 2}, "w": {}}}),
        ("operator", "", {"spec": {"x": None}}),
        ("operator", "status", {"status": {"state": "running", "pods": {"p": {}}, "n": 1}}),
        ("kubectl", "status", {"status": {"state": "paused"}}),
        ("operator", "status", {"status": {"pods": None}}),
        ("kubectl", "", {"metadata": {"labels": {"q": "1"}, "annotations": {"e/f": "2"}}}),
        ("kubectl", "", {"metadata": {"finalizers": ["x/a"]}}),
        ("backend", "", {"metadata": {"finalizers": ["x/b", "x/a"], "labels": {"q": "2"}}}),
        ("backend", "", {"metadata": {"finalizers": ["x/b"]}, "spec": {"z": 5}}),
        ("backend", "", {"spec": {"w": {"new": 1}, "y": 3}}),
    ]
    for manager, sub, merge in writes:
        await script.ask("PATCH", jobs(name="a", sub=sub), merge, fieldManager=manager)


async def deletions(script: Script) -> None:
    await script.create("a", metadata={"finalizers": ["x/one", "x/two"]})
    await script.ask("DELETE", jobs(name="a"), {"preconditions": {"uid": "other"}})
    await script.ask("DELETE", jobs(name="a"), {"preconditions": {"resourceVersion": "1"}})
    await script.ask("DELETE", jobs(name="a"))
    await script.ask("DELETE", jobs(name="a"))
    await script.ask("PATCH", jobs(name="a"), {"metadata": {"finalizers": ["x/new", "x/two"]}})
    await script.ask("PATCH", jobs(name="a"), {"metadata": {"finalizers": ["x/two"]}})
    await script.ask("PATCH", jobs(name="a"), {"metadata": {"finalizers": None}})
    await script.ask("GET", jobs(name="a"))
    uid = (await script.create("b"))["metadata"]["uid"]
    await script.ask("DELETE", jobs(name="b"), {"preconditions": {"uid": uid}})
    await script.ask("DELETE", jobs(name="b"))


async def lists(script: Script) -> None:
    await script.ask("GET", jobs("nothing-here"))
    for number in range(5):
        await script.create(
            f"j{number}", metadata={"labels": {"role": "job" if number % 2 else "qa-job"}}
        )
    page = await script.ask("GET", jobs(), limit=2)
    version, token = page["metadata"]["resourceVersion"], page["metadata"]["continue"]
    await script.ask("GET", jobs(), limit=-1)
    await script.ask("GET", jobs(), limit=2, resourceVersion=0)
    await script.ask("GET", jobs(), resourceVersion=version)
    await script.ask("GET", jobs(), resourceVersion=version, resourceVersionMatch="NotOlderThan")
    await script.create("j2b")
    page = await script.ask("GET", jobs(), limit=2, **{"continue": token})
    await script.ask("GET", jobs(), limit=2, **{"continue": page["metadata"]["continue"]})
    await script.ask("GET", jobs(), resourceVersion=version, resourceVersionMatch="Exact")
    await script.ask("GET", jobs(), resourceVersion=version, **{"continue": token})
    await script.ask("GET", jobs(), resourceVersionMatch="Exact")
    await script.ask("GET", jobs(), resourceVersion=version, resourceVersionMatch="Other")
    script.compact()
    expired = await script.ask("GET", jobs(), limit=2, **{"continue": token})
    page = await script.ask("GET", jobs(), limit=2, **{"continue": expired["metadata"]["continue"]})
    await script.ask("GET", jobs(), **{"continue": page["metadata"]["continue"]})
    await script.ask("GET", jobs(), resourceVersion=version, resourceVersionMatch="Exact")
    await script.ask("GET", jobs(), resourceVersion=99_999_999)


async def selectors(script: Script) -> None:
    await script.create("a", metadata={"labels": {"role": "job", "btrix.org": "one"}})
    await script.create("b", metadata={"labels": {"role": "job", "btrix.org": "two"}})
    await script.create("c", metadata={"labels": {"role": "qa-job"}})
    await script.create("d")
    for selector in (
        "role=job",
        "role!=job",
        "role in (job, qa-job),btrix.org==one",
        "role notin (job)",
        "role",
        "!role",
    ):
        await script.ask("GET", jobs(), labelSelector=selector)
        await script.ask("GET", jobs(), labelSelector=selector, limit=1)
    for fields in ("metadata.name=b", "metadata.name!=b,metadata.namespace=crawlers"):
        await script.ask("GET", jobs(), fieldSelector=fields)
    for fields in ("spec.id=x", "metadata.name"):
        await script.ask("GET", jobs(), fieldSelector=fields)


async def what_cannot_be_read(script: Script) -> None:
    await script.ask("GET", jobs(), limit="many")
    await script.ask("GET", jobs(), resourceVersion="x")
    await script.ask("GET", jobs(), resourceVersion="x", watch=1)
    await script.ask("GET", jobs(), timeoutSeconds="x", watch=1)
    for token in ("nonsense", "eyJ2IjoxfQ"):
        upto = "invalid continue token: continue key is not valid"
        await script.ask("GET", jobs(), upto=upto, **{"continue": token})
    await script.ask("GET", jobs(), sendInitialEvents="true", watch=1)


async def watches(script: Script) -> None:
    first = await script.create("a", metadata={"labels": {"role": "job"}})
    version = first["metadata"]["resourceVersion"]
    seconds: dict[str, Any] = {"timeoutSeconds": 1}
    await script.ask("PATCH", jobs(name="a"), {"spec": {"scale": 2}})
    await script.ask("PATCH", jobs(name="a", sub="status"), {"status": {"state": "running"}})
    await script.create("b", metadata={"finalizers": ["x/one"], "labels": {"role": "qa-job"}})
    await script.ask("PATCH", jobs(name="a"), {"metadata": {"labels": {"role": "gone"}}})
    await script.ask("DELETE", jobs(name="b"))
    finalizers = {"metadata": {"finalizers": None, "labels": {"with": "it"}}}
    await script.ask("PATCH", jobs(name="b"), finalizers)
    await script.ask("DELETE", jobs(name="a"))
    await script.create("c")
    await script.ask("GET", jobs(), watch=1, resourceVersion=version, **seconds)
    await script.ask("GET", jobs(""), watch="true", resourceVersion=version, **seconds)
    await script.ask("GET", jobs("other"), watch=1, resourceVersion=version, **seconds)
    selected: dict[str, Any] = {"labelSelector": "role=job", "resourceVersion": version}
    await script.ask("GET", jobs(), watch=1, **selected, **seconds)
    await script.ask("GET", jobs(), watch=1, **seconds)
    await script.ask("GET", jobs(), watch=1, resourceVersion=0, **seconds)
    await script.ask("GET", jobs(), watch="", allowWatchBookmarks="true", **seconds)
    initial: dict[str, Any] = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
    await script.ask("GET", jobs(), watch=1, allowWatchBookmarks="true", **initial, **seconds)
    script.compact()
    await script.ask("GET", jobs(), watch=1, resourceVersion=1, **seconds)
    await script.ask("GET", jobs(), watch=1, resourceVersion=99_999_999, **seconds)


async def what_is_not_there_or_not_allowed(script: Script) -> None:
    for path in (
        "/nowhere",
        "/apis/nothing",
        "/apis/btrix.cloud/v2",
        "/apis/btrix.cloud/v1/nothing",
    ):
        await script.ask("GET", path)
    await script.ask("GET", f"{PODS}/none")
    await script.ask("PUT", PODS, {})
    await script.ask("POST", "/api/v1/pods", {})
    await script.ask("PUT", jobs(), {})
    await script.ask("PATCH", jobs(), {})
    await script.ask("POST", jobs(""), job("a"))
    await script.create("a")
    await script.ask("POST", jobs(name="a", sub="status"), job("a"))
    await script.ask("DELETE", jobs(name="a", sub="status"))
    for accept in ("text/html", "application/json;q=0.9,*/*", "*/*"):
        await script.ask("GET", jobs(name="a"), accept=accept)


async def who_asks(script: Script) -> None:
    for user in ("", "unknown", USER):
        for path in (jobs(), jobs(""), jobs(name="a"), jobs(name="a", sub="status"), PODS):
            await script.ask("GET", path, user=user)
        await script.ask("GET", jobs(), user=user, watch=1)
        await script.ask("POST", jobs(), job("a"), user=user)
        await script.ask("DELETE", jobs(name="a"), user=user)
    for path in ("/apis", "/nowhere"):
        await script.ask("GET", path, user="")
    for path in ("/livez", "/readyz", "/healthz"):
        await script.ask("GET", path)
        await script.ask("GET", path, user="")


async def pods(script: Script) -> None:
    script.left_out = frozenset({"managedFields"})
    first = await script.ask("POST", PODS, pod("a", crawl="x", role="crawler"))
    version = first["metadata"]["resourceVersion"]
    seconds: dict[str, Any] = {"timeoutSeconds": 1}
    await script.ask("POST", PODS, pod("a"))
    await script.ask("POST", PODS, pod("b", crawl="x", role="redis"))
    await script.ask("POST", PODS, pod("c", browser="y", role="browser"))
    await script.ask("POST", PODS, pod("d", node="n1", crawl="z", role="crawler"))
    ips = {"podIP": "10.42.0.7", "podIPs": [{"ip": "10.42.0.7"}]}
    running = {"status": {"phase": "Running", **ips}}
    await script.ask("PATCH", f"{PODS}/a/status", running)
    await script.ask("GET", f"{PODS}/a")
    await script.ask("GET", PODS)
    page = await script.ask("GET", PODS, limit=2)
    await script.ask("GET", PODS, limit=2, **{"continue": page["metadata"]["continue"]})
    for selector in ("crawl,role in (crawler,redis)", "crawl", "!crawl", "role notin (browser)"):
        await script.ask("GET", PODS, labelSelector=selector)
        await script.ask("GET", "/api/v1/pods", labelSelector=selector, limit=1)
    await script.ask("PATCH", f"{PODS}/a", {"metadata": {"labels": {"crawl": None}}})
    await script.ask("DELETE", f"{PODS}/b", {"preconditions": {"uid": "other"}})
    await script.ask("DELETE", f"{PODS}/b")
    await script.ask("DELETE", f"{PODS}/d")
    await script.ask("GET", f"{PODS}/d")
    await script.ask("DELETE", f"{PODS}/d")
    ended = {"status": {"phase": "Failed", "reason": "Evicted", "message": "The node was low"}}
    await script.ask("PATCH", f"{PODS}/d/status", ended)
    await script.ask("DELETE", f"{PODS}/d", {"gracePeriodSeconds": 0})
    await script.ask("GET", f"{PODS}/d")
    await script.ask("DELETE", f"{PODS}/d")
    of_crawls: dict[str, Any] = {"labelSelector": "crawl,role in (crawler,redis)"}
    await script.ask("GET", PODS, watch=1, resourceVersion=version, **of_crawls, **seconds)
    await script.ask("GET", PODS, watch=1, resourceVersion=version, **seconds)
    await script.ask("GET", PODS, watch=1, **of_crawls, **seconds)


async def claims(script: Script) -> None:
    script.left_out = frozenset({"managedFields"})
    first = await script.ask("POST", CLAIMS, claim("a", crawl="x", role="crawler"))
    version = first["metadata"]["resourceVersion"]
    await script.ask("POST", CLAIMS, claim("b", coll="y", role="redis"))
    bound = {"status": {"phase": "Bound", "capacity": {"storage": "22Gi"}}}
    await script.ask("PATCH", f"{CLAIMS}/a/status", bound)
    for selector in ("crawl", "role in (crawler,redis)", "coll=y"):
        await script.ask("GET", CLAIMS, labelSelector=selector)
    await script.ask("DELETE", f"{CLAIMS}/a")
    await script.ask("GET", f"{CLAIMS}/a")
    await script.ask("PATCH", f"{CLAIMS}/a", {"metadata": {"finalizers": None}})
    await script.ask("GET", f"{CLAIMS}/a")
    crawls: dict[str, Any] = {"labelSelector": "crawl", "resourceVersion": version}
    await script.ask("GET", CLAIMS, watch=1, timeoutSeconds=1, **crawls)


async def indexes(script: Script) -> None:
    path = jobs().replace("crawljobs", "collindexes")
    value = {**job("a"), "kind": "CollIndex", "spec": {"id": "a", "oid": "o"}}
    await script.ask("POST", path, value)
    status = {"status": {"state": "ready", "storageUsed": "1Gi"}}
    await script.ask("PATCH", f"{path}/a/status", status)
    await script.ask("GET", path)
    await script.ask("GET", f"{path}/none")
    await script.ask("DELETE", f"{path}/a")


SCRIPTS: Final = (
    creates,
    updates,
    patches,
    managers,
    deletions,
    lists,
    selectors,
    what_cannot_be_read,
    watches,
    what_is_not_there_or_not_allowed,
    who_asks,
    pods,
    claims,
    indexes,
)


@pytest.fixture
async def both(server: ApiServer, real_server: Real) -> tuple[Script, Script]:
    """What sends requests to the simulator, and what sends them to the real server."""
    await real_server.clear()
    server.tokens = {"token-of-admin", "token-of-user"}
    port = int(server.url.rpartition(":")[2])
    real = real_server.server
    tls = ssl.create_default_context(cafile=real.ca_file)
    return (
        Script(
            partial(HTTPConnection, "127.0.0.1", port, timeout=WAIT_TIMEOUT),
            {"admin": "token-of-admin", USER: "token-of-user", "unknown": "x"},
            server.cluster.compact,
        ),
        Script(
            partial(HTTPSConnection, "127.0.0.1", real.port, timeout=WAIT_TIMEOUT, context=tls),
            {"admin": real.token(), USER: real.token(USER), "unknown": "x"},
            real.compact,
        ),
    )


@STARTS_ETCD
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.__name__)
async def test_both_answer_the_same(
    server: ApiServer,
    both: tuple[Script, Script],
    script: Callable[[Script], Awaitable[None]],
) -> None:
    if script is who_asks:  # it has no roles: a namespace is forbidden to everybody
        server.forbidden = {"crawlers", ""}
    await asyncio.gather(*map(script, both))
    simulated, real = both
    for simulation, reality in zip(simulated.answers, real.answers, strict=True):
        assert simulation == reality, reality["request"]


@STARTS_ETCD
async def test_both_are_discovered_in_the_same_way(both: tuple[Script, Script]) -> None:
    """Of the groups, resources, subresources and verbs that the simulator has."""
    found = []
    for script in both:
        documents = [
            (await script.ask("GET", path, accept=accept), script.answers[-1]["Content-Type"])
            for path in ("/api", "/apis", "/apis/", "/apis/btrix.cloud", "/apis/btrix.cloud/v1")
            for accept in ("application/json", f"{discovery.AGGREGATED},application/json")
        ]
        found.append([(_simulated_part(document), kind) for document, kind in documents])
    simulated, real = found
    assert simulated == real


def _simulated_part(value: Any) -> Any:
    """What a discovery document says of what the simulator serves."""
    if isinstance(value, list):
        parts = [_simulated_part(item) for item in value]
        parts = [part for part in parts if part is not None and part != "deletecollection"]
        return sorted(parts, key=json.dumps)  # definitions come in no order
    if not isinstance(value, dict):
        return value
    name = value.get("name") or value.get("resource") or value.get("subresource")
    name = name or value.get("metadata", {}).get("name")
    served = ("crawljobs", "collindexes", "pods", "persistentvolumeclaims")
    if name not in {None, "btrix.cloud", "status", *served, *(f"{one}/status" for one in served)}:
        return None
    left_out = ("storageVersionHash", "categories", "serverAddressByClientCIDRs")
    part = {key: _simulated_part(item) for key, item in value.items() if key not in left_out}
    if "verbs" in part:
        part["verbs"] = sorted(part["verbs"])
    return part
