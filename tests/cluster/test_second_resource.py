"""Any resource is followed as CrawlJobs are: pods here, by a model and a declaration alone."""

from dataclasses import field
from pathlib import Path
from typing import Any, Final

import pytest
from pydantic import Field
from pydantic.dataclasses import dataclass

from exporter.cluster.changes import ResumePoint
from exporter.cluster.client import ApiClient
from exporter.cluster.reflector import Reflector
from exporter.cluster.wire import InvalidObject, WatchEvent, WireDecoder
from exporter.history.ledger import Ledger
from exporter.metrics import SelfMetrics
from exporter.metrics.catalog.self_metrics import WATCH_FAMILIES
from exporter.resources.fields import Text
from exporter.resources.identity import identity
from exporter.resources.metadata import WIRE, ObjectMeta
from exporter.resources.parsing import LenientReader, Problem
from exporter.resources.resource import Resource
from exporter.runtime.backoff import Backoff
from exporter.simulator import ApiServer
from exporter.sources import Source
from support.api_servers import Api
from support.change_recorder import ChangeRecorder
from support.factories import crawljob, to_wire
from support.following import Follow, Opened, Run
from support.waiting import until

# -- the declaration


@dataclass(config=WIRE, slots=True, kw_only=True)
class PodMeta(ObjectMeta):
    labels: dict[str, Text] = field(default_factory=dict)


@dataclass(config=WIRE, slots=True, kw_only=True)
class PodStatus:
    phase: Text = None


@dataclass(config=WIRE, slots=True, kw_only=True)
class Pod:
    metadata: PodMeta
    status: PodStatus = field(default_factory=PodStatus)
    problems: tuple[Problem, ...] = Field(default=(), init=False)


def unknown_phases(pod: Pod) -> list[tuple[str, str]]:
    known = ("Pending", "Running", "Succeeded", "Failed", "Unknown", None)
    phase = pod.status.phase
    return [] if phase is None or phase in known else [("status.phase", phase)]


POD_RESOURCE: Final = Resource[Pod](
    group="",
    version="v1",
    plural="pods",
    kind="Pod",
    reader=LenientReader(Pod),
    open_fields=("status.phase",),
    unknown_values=unknown_phases,
)
PODS: Final = Source[Pod](
    name="pods",
    help="What Kubernetes says of the pods of crawls.",
    resource=POD_RESOURCE,
    required=False,
    selector="crawl",
)

# -- how it is followed

Followed = tuple[Reflector[Pod], ChangeRecorder[Pod]]


def pod(name: str, phase: str = "Running", **labels: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": "crawlers",
            "labels": {"crawl": "a", "role": "crawler"} | labels,
        },
        "spec": {"containers": [{"name": "crawler", "image": "browsertrix-crawler"}]},
        "status": {"phase": phase},
    }


@pytest.fixture
async def client(api: Api, opened: Opened, tmp_path: Path) -> ApiClient:
    return await opened(api.kubeconfig(tmp_path / "api"))


def follow_pods(client: ApiClient, run: Run, scope: str = "crawlers", **more: Any) -> Followed:
    recorder = ChangeRecorder[Pod]()
    more.setdefault("backoff", Backoff(first=0.01, most=0.05))
    reflector = Reflector(client, POD_RESOURCE, scope, recorder, **more)
    run(reflector)
    return reflector, recorder


def phases(recorder: ChangeRecorder[Pod]) -> list[tuple[str, str | None, bool]]:
    """What was emitted: name, phase and whether it was deleted, without repetitions."""
    found: list[tuple[str, str | None, bool]] = []
    for change in recorder.changes:
        item = change.after or change.before
        assert item is not None
        one = (item.metadata.name, item.status.phase, change.deleted)
        if not found or found[-1] != one:
            found.append(one)
    return found


async def test_a_list_comes_first_and_then_every_change(
    api: Api, client: ApiClient, run: Run
) -> None:
    await api.create(pod("first"))
    await api.create(pod("second"))
    reflector, recorder = follow_pods(client, run)
    await until(lambda: recorder.syncs)
    assert recorder.names == ["first", "second"]
    assert recorder.sizes_at_sync == [2]
    await api.create(pod("third"))
    await api.patch_pod_status("crawlers", "first", phase="Failed")
    await api.delete_pod("crawlers", "second")
    await until(lambda: recorder.deleted and ("first", "Failed", False) in phases(recorder))
    assert recorder.names == ["first", "third"]
    assert recorder.deleted == [("second", True)]
    assert reflector.synced
    assert reflector.last_error is None
    assert reflector.stats.lists == 1
    assert reflector.stats.objects == 2
    assert reflector.stats.stale_events == 0


async def test_a_list_comes_in_pages(api: Api, client: ApiClient, run: Run) -> None:
    names = [f"p{n:02}" for n in range(12)]
    for name in names:
        await api.create(pod(name))
    _, recorder = follow_pods(client, run, page_size=5)
    await until(lambda: recorder.syncs)
    assert recorder.names == names


async def test_all_namespaces_are_one_scope(api: Api, client: ApiClient, run: Run) -> None:
    value = pod("elsewhere")
    value["metadata"]["namespace"] = "other"
    await api.create(pod("here"))
    await api.create(value)
    _, recorder = follow_pods(client, run, "")
    await until(lambda: recorder.syncs)
    assert sorted(recorder.objects) == [("crawlers", "here"), ("other", "elsewhere")]


async def test_the_selector_of_a_source_narrows_list_and_watch(
    api: Api, client: ApiClient, run: Run
) -> None:
    stranger = pod("stranger")
    del stranger["metadata"]["labels"]["crawl"]
    await api.create(stranger)
    await api.create(pod("ours"))
    _, recorder = follow_pods(client, run, selector=PODS.selection(""))
    await until(lambda: recorder.syncs)
    stranger["metadata"]["name"] = "stranger-2"
    await api.create(stranger)
    await api.create(pod("ours-2"))
    await until(lambda: "ours-2" in recorder.names)
    assert recorder.names == ["ours", "ours-2"]


async def test_a_watch_ended_by_the_server_is_resumed_without_a_relist(
    api: Api, client: ApiClient, run: Run
) -> None:
    reflector, recorder = follow_pods(client, run, watch_seconds=(1, 1))
    await until(lambda: recorder.syncs)
    await api.create(pod("before"))
    await until(lambda: reflector.stats.reconnects["ended"])
    await api.create(pod("after"))
    await until(lambda: recorder.names == ["after", "before"])
    assert reflector.stats.lists == 1


async def test_a_resume_replays_what_happened_meanwhile(
    api: Api, client: ApiClient, run: Run
) -> None:
    await api.create(pod("stays"))
    await api.create(pod("goes"))
    _, before = follow_pods(client, run)
    await until(lambda: before.syncs)
    resume = ResumePoint(before.syncs[0], frozenset(map(identity, before.objects.values())))
    await api.patch_pod_status("crawlers", "goes", phase="Failed")
    await api.delete_pod("crawlers", "goes")
    await api.create(pod("brief"))
    await api.delete_pod("crawlers", "brief")
    reflector, recorder = follow_pods(client, run, resume=resume)
    await until(lambda: recorder.syncs)
    assert recorder.names == ["stays"]
    assert recorder.deleted == [("goes", True), ("brief", True)]
    assert ("goes", "Failed", False) in phases(recorder)
    assert reflector.stats.lists == 1


async def test_crawljobs_and_pods_are_followed_side_by_side(
    api: Api, client: ApiClient, run: Run, follow: Follow
) -> None:
    await api.create(crawljob(crawl="a"))
    await api.create(pod("crawl-a-0"))
    _, pods = follow_pods(client, run)
    _, jobs = follow(through=client)
    await until(lambda: pods.syncs and jobs.syncs)
    await api.patch_pod_status("crawlers", "crawl-a-0", phase="Failed")
    await api.patch_status("crawlers", "a", state="failed")
    await until(lambda: jobs.state("a") == "failed" and phases(pods)[-1][1] == "Failed")
    assert pods.names == ["crawl-a-0"]
    assert jobs.names == ["a"]


# -- what goes wrong


async def test_the_missing_permission_is_named(
    server: ApiServer, connection: ApiClient, run: Run
) -> None:
    server.forbidden.add("crawlers")
    reflector, _ = follow_pods(connection, run)
    await until(lambda: reflector.stats.list_failures["forbidden"])
    assert reflector.last_error == (
        "the API server answered 403: RBAC must allow list and watch on pods in namespace crawlers"
    )


def test_a_malformed_field_costs_the_field_alone() -> None:
    value = pod("a")
    value["status"]["phase"] = ["x"]
    value["metadata"]["labels"]["role"] = 5
    event = WireDecoder(POD_RESOURCE).read_event(to_wire({"type": "ADDED", "object": value}))
    assert isinstance(event, WatchEvent)
    assert event.object.metadata.labels == {"crawl": "a", "role": None}
    assert event.object.status.phase is None
    assert {(one.field, one.kind) for one in event.object.problems} == {
        ("metadata.labels.role", "metadata.labels.*"),
        ("status.phase", "status.phase"),
    }


def test_a_pod_without_a_name_is_invalid() -> None:
    value = pod("")
    found = WireDecoder(POD_RESOURCE).read_event(to_wire({"type": "ADDED", "object": value}))
    assert isinstance(found, InvalidObject)
    assert found.namespace == "crawlers"


async def test_what_is_odd_is_reported_with_its_kind(
    server: ApiServer, connection: ApiClient, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    reflector, recorder = follow_pods(connection, run)
    await until(lambda: recorder.syncs and server.streams == 1)
    odd = pod("odd", "Dreaming")
    odd["metadata"] |= {"resourceVersion": "99999", "creationTimestamp": "soon"}
    server.faults.inject(to_wire({"type": "ADDED", "object": odd}) + b"\n")
    await until(lambda: recorder.names == ["odd"])
    assert reflector.problems.kinds == {"metadata.creationTimestamp": 1}
    assert reflector.problems.unknown_values == {"status.phase": 1}
    assert "Pod crawlers/odd: metadata.creationTimestamp is left out: " in caplog.text
    assert "Pod crawlers/odd: status.phase has a word this exporter does not know" in caplog.text


# -- what follows from the declaration of its source


async def test_self_metrics_have_its_source_its_scope_and_its_fields(
    connection: ApiClient,
) -> None:
    reflector = Reflector(connection, PODS.resource, "crawlers", ChangeRecorder(), source=PODS.name)
    registry = SelfMetrics(WATCH_FAMILIES, [reflector], Ledger.open()).registry
    labels = {"source": "pods", "scope": "crawlers"}
    assert registry.get_sample_value("browsertrix_exporter_synced", labels) == 0
    for name, path in (
        ("parse_problems", "metadata.labels.*"),
        ("parse_problems", "status.phase"),
        ("unknown_values", "status.phase"),
    ):
        sample = f"browsertrix_exporter_{name}_total"
        assert registry.get_sample_value(sample, labels | {"field": path}) == 0


def test_the_permission_follows_from_the_source() -> None:
    assert PODS.rbac_rule == {"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "watch"]}
