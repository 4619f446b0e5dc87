"""What a real control plane does: restarts, compaction, refusals, rotation; and what is made of it.

The simulator plays all of it in ``test_faults``; here it is shown that it plays it right.
"""

import json
import ssl
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.factories import crawljob
from support.following import Follow, Opened
from support.tools import require_kube_apiserver
from support.waiting import WAIT_TIMEOUT, until
from tools.kube_apiserver import GROUP_PATH, KubeApiserver, RefusedError

CRAWLJOBS = f"{GROUP_PATH}/namespaces/crawlers/crawljobs"

pytestmark = pytest.mark.slow("an API server is started, and started again", waits=True)


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KubeApiserver]:
    """One that may be stopped; it has users without any rights, and with the exporter's own.

    When it stops it waits for open watches for as long as a request may take, which is a minute.
    """
    require_kube_apiserver()
    folder = tmp_path_factory.mktemp("plane") / "data"
    with KubeApiserver.started(
        folder,
        users={"nobody@example.org": (), "reader": ()},
        arguments=["--request-timeout=5s"],
    ) as server:
        allow(server, "reader")
        yield server


def allow(server: KubeApiserver, user: str) -> None:
    api = "/apis/rbac.authorization.k8s.io/v1/namespaces/crawlers"
    rule = {"apiGroups": ["btrix.cloud"], "resources": ["crawljobs"], "verbs": ["list", "watch"]}
    server.request("POST", f"{api}/roles", {"metadata": {"name": user}, "rules": [rule]})
    server.request(
        "POST",
        f"{api}/rolebindings",
        {
            "metadata": {"name": user},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": user},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
        },
    )


def create(server: KubeApiserver, *crawls: str) -> None:
    for crawl in crawls:
        value = crawljob(crawl=crawl)
        meta = {key: value["metadata"][key] for key in ("name", "namespace", "labels")}
        made = server.request("POST", CRAWLJOBS, {**value, "metadata": meta})
        status = {"status": value["status"]}
        path = f"{CRAWLJOBS}/{made['metadata']['name']}/status"
        server.request("PATCH", path, status, content_type="application/merge-patch+json")


def patch(server: KubeApiserver, crawl: str, **status: Any) -> None:
    server.request(
        "PATCH",
        f"{CRAWLJOBS}/crawljob-{crawl}/status",
        {"status": status},
        content_type="application/merge-patch+json",
    )


@pytest.fixture(autouse=True)
def _empty(plane: KubeApiserver) -> Iterator[None]:
    yield
    for item in plane.request("GET", CRAWLJOBS)["items"]:
        path = f"{CRAWLJOBS}/{item['metadata']['name']}"
        merge = "application/merge-patch+json"
        plane.request("PATCH", path, {"metadata": {"finalizers": None}}, content_type=merge)
        try:
            plane.request("DELETE", path)
        except RefusedError as error:
            if error.status != 404:
                raise


async def test_a_restart_of_the_api_server_loses_no_change_and_doubles_none(
    plane: KubeApiserver, opened: Opened, follow: Follow, tmp_path: Path
) -> None:
    create(plane, "a", "b")
    client = await opened(plane.write_kubeconfig(tmp_path / "kubeconfig", user="reader"))
    reflector, recorder = follow(through=client)
    await until(lambda: recorder.syncs)
    plane.stop_apiserver()
    plane.start_apiserver()
    create(plane, "c")
    patch(plane, "a", pagesDone=77)
    await until(lambda: recorder.names == ["a", "b", "c"])
    await until(lambda: recorder.objects["crawlers", "crawljob-a"].status.pages_done == 77)
    # Its watch cache begins anew: where anything was written since, the version is too old for it.
    assert reflector.stats.lists <= 2
    assert recorder.deleted == []
    seen = [
        (item.metadata.name, item.metadata.resource_version)
        for change in recorder.changes
        if (item := change.after)
    ]
    assert len(seen) == len(set(seen))


async def test_a_version_that_was_compacted_while_the_server_was_down_is_listed_anew(
    plane: KubeApiserver, opened: Opened, follow: Follow, tmp_path: Path
) -> None:
    create(plane, "stays", "goes")
    client = await opened(plane.write_kubeconfig(tmp_path / "kubeconfig", user="reader"))
    reflector, recorder = follow(through=client)
    await until(lambda: recorder.syncs)
    client_was_cut = dict(reflector.stats.reconnects)
    # Its watch cache remembers the past for as long as it runs: only a new one must ask etcd.
    plane.stop_apiserver()
    await until(lambda: reflector.stats.reconnects != client_was_cut)
    plane.start_apiserver()
    path = f"{CRAWLJOBS}/crawljob-goes"
    merge = "application/merge-patch+json"
    plane.request("PATCH", path, {"metadata": {"finalizers": None}}, content_type=merge)
    plane.request("DELETE", path)
    patch(plane, "stays", pagesDone=88)
    plane.compact()
    plane.stop_apiserver()
    plane.start_apiserver()
    await until(lambda: recorder.names == ["stays"])
    await until(lambda: recorder.objects["crawlers", "crawljob-stays"].status.pages_done == 88)
    assert [name for name, _ in recorder.deleted] == ["goes"]


def test_a_watch_of_a_forgotten_version_is_answered_by_an_error_event(
    plane: KubeApiserver,
) -> None:
    """410 within a stream that began with 200; the other form, a status, is that of lists."""
    create(plane, "a")
    request = urllib.request.Request(
        f"{plane.url}{CRAWLJOBS}?watch=1&resourceVersion=1",
        headers={"Authorization": f"Bearer {plane.token()}"},
    )
    context = ssl.create_default_context(cafile=plane.ca_file)
    with urllib.request.urlopen(request, timeout=WAIT_TIMEOUT, context=context) as response:
        event = json.loads(response.readline())
    assert (response.status, event["type"]) == (200, "ERROR")
    assert (event["object"]["code"], event["object"]["reason"]) == (410, "Expired")


def test_a_continue_token_expires_with_its_version(plane: KubeApiserver) -> None:
    create(plane, "a", "b", "c")
    page = plane.request("GET", f"{CRAWLJOBS}?limit=1")["metadata"]
    assert page["remainingItemCount"] == 2
    patch(plane, "c", pagesDone=5)
    plane.compact()
    # Since 1.34 its watch cache keeps the past of lists as well: only a new one must ask etcd.
    plane.stop_apiserver()
    plane.start_apiserver()
    with pytest.raises(RefusedError) as refused:
        plane.request("GET", f"{CRAWLJOBS}?limit=1&continue={page['continue']}")
    body = refused.value.body
    assert (body["code"], body["reason"]) == (410, "Expired")
    rest = plane.request("GET", f"{CRAWLJOBS}?continue={body['metadata']['continue']}")
    assert [item["spec"]["id"] for item in rest["items"]] == ["b", "c"]


async def test_who_is_forbidden_is_in_no_log(
    plane: KubeApiserver,
    opened: Opened,
    follow: Follow,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    kubeconfig = plane.write_kubeconfig(tmp_path / "kubeconfig", user="nobody@example.org")
    reflector, recorder = follow(through=await opened(kubeconfig))
    await until(lambda: reflector.stats.list_failures["forbidden"] >= 2)
    assert reflector.last_error is not None
    assert "RBAC must allow list and watch on crawljobs.btrix.cloud" in reflector.last_error
    assert "nobody" not in reflector.last_error + caplog.text
    assert recorder.syncs == []
    allow(plane, "nobody@example.org")
    await until(lambda: recorder.syncs)


async def test_a_token_that_was_rotated_is_read_again(
    plane: KubeApiserver, opened: Opened, follow: Follow, tmp_path: Path
) -> None:
    create(plane, "a")
    kubeconfig = plane.write_kubeconfig(tmp_path / "kubeconfig", user="reader")
    config = yaml.safe_load(kubeconfig.read_text())
    token = tmp_path / "token"
    token.write_text("expired-long-ago")
    config["users"][0]["user"] = {"tokenFile": str(token)}
    kubeconfig.write_text(yaml.safe_dump(config))
    reflector, recorder = follow(through=await opened(kubeconfig))
    await until(lambda: reflector.stats.list_failures["unauthorized"])
    token.write_text(plane.token("reader"))
    await until(lambda: recorder.names == ["a"])


async def test_when_the_spec_was_changed_is_what_server_side_apply_noted(
    plane: KubeApiserver, opened: Opened, follow: Follow, tmp_path: Path
) -> None:
    create(plane, "a")
    apply = {
        "apiVersion": "btrix.cloud/v1",
        "kind": "CrawlJob",
        "metadata": {"name": "crawljob-a", "namespace": "crawlers"},
        "spec": {"pausedAt": "2026-11-26T08:00:00Z"},
    }
    path = f"{CRAWLJOBS}/crawljob-a?fieldManager=backend&force=true"
    applied = plane.request("PATCH", path, apply, content_type="application/apply-patch+yaml")
    entry = next(
        entry for entry in applied["metadata"]["managedFields"] if entry["manager"] == "backend"
    )
    assert entry["operation"] == "Apply"
    patch(plane, "a", pagesDone=1)
    client = await opened(plane.write_kubeconfig(tmp_path / "kubeconfig", user="reader"))
    _, recorder = follow(through=client)
    await until(lambda: recorder.syncs)
    metadata = recorder.objects["crawlers", "crawljob-a"].metadata
    assert metadata.spec_changed_at == yaml.safe_load(entry["time"]).timestamp()


async def test_of_many_writers_the_last_one_of_the_spec_says_when_it_was_changed(
    plane: KubeApiserver, opened: Opened, follow: Follow, tmp_path: Path
) -> None:
    """One that applies what is so already has an entry without a time, first of all."""
    create(plane, "a")

    def apply(manager: str, sub: str = "", **fields: Any) -> Any:
        value = {
            "apiVersion": "btrix.cloud/v1",
            "kind": "CrawlJob",
            "metadata": {"name": "crawljob-a", "namespace": "crawlers"},
            **fields,
        }
        path = f"{CRAWLJOBS}/crawljob-a{sub}?fieldManager={manager}&force=true"
        return plane.request("PATCH", path, value, content_type="application/apply-patch+yaml")

    apply("backend", spec={"pausedAt": "2026-11-26T08:00:00Z"})
    apply("operator", "/status", status={"state": "paused"})
    written = apply("other", spec={"pausedAt": "2026-11-26T08:00:00Z"})
    entries = written["metadata"]["managedFields"]
    assert "time" not in entries[0]
    assert {one["manager"] for one in entries} > {"backend", "operator", "other"}
    client = await opened(plane.write_kubeconfig(tmp_path / "kubeconfig", user="reader"))
    reflector, recorder = follow(through=client)
    await until(lambda: recorder.syncs)
    of_spec = [one for one in entries if not one.get("subresource") and "time" in one]
    latest = max(yaml.safe_load(one["time"]).timestamp() for one in of_spec)
    metadata = recorder.objects["crawlers", "crawljob-a"].metadata
    assert metadata.spec_changed_at == latest
    assert reflector.problems.kinds == {}
