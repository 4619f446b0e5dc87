"""The JSON of crawls, finished crawls, events and the exporter: every field, and unknown ones."""

from typing import Any
from urllib.parse import quote

import pytest

from exporter.history.baseline import Baseline
from exporter.history.events import Paused, PodExited, StateEntered
from exporter.history.records import FinishedCrawl
from exporter.metrics import Pulse
from exporter.rules import Thresholds
from exporter.web.status import view
from support.claim_factories import claim
from support.crawl_history import log, remember
from support.factories import (
    CID,
    CRAWL_ID,
    GIB,
    OID,
    UPDATED_EPOCH,
    crawler_pod,
    crawljob,
    redis_pod,
)
from support.known_names import give_names
from support.pod_factories import container_status, evicted, pod, unschedulable
from support.web_site import Serve, Site, WatchedScope


def finished(n: int, **fields: Any) -> FinishedCrawl:
    record = FinishedCrawl(
        uid=f"u{n}",
        namespace="crawlers",
        oid="o",
        crawl=f"c{n}",
        state="complete",
        stop_reason="",
        finished=UPDATED_EPOCH - n,
        paused_seconds=0.0,
        deleted_at=None,
        cid="w",
    )
    return record._replace(**fields)


async def crawl_of(site: Site) -> dict[str, Any]:
    (crawl,) = (await site.json("/api/v1/crawls"))["crawls"]
    found: dict[str, Any] = crawl
    return found


async def test_every_field_of_a_crawl(serve: Serve) -> None:
    site = await serve(status_page=True)
    pods = {f"crawl-{CRAWL_ID}-0": crawler_pod()}
    site.watch.add(crawljob(pods=pods, status={"scale": 1}))
    assert await site.json("/api/v1/crawls") == {
        "as_of": "2025-05-21T12:00:00Z",
        "warning": None,
        "total": 1,
        "page": 1,
        "per_page": 25,
        "next": None,
        "states": {"running": 1},
        "orgs": {OID: 1},
        "org_names": {},
        "crawls": [
            {
                "uid": f"uid-crawlers-{CRAWL_ID}",
                "namespace": "crawlers",
                "org": OID,
                "crawl": CRAWL_ID,
                "workflow": CID,
                "org_name": None,
                "workflow_name": None,
                "browsertrix_url": None,
                "role": "job",
                "state": "running",
                "transition": None,
                "stop_reason": None,
                "created": "2025-05-21T11:44:00Z",
                "finished": None,
                "pages": {"done": 45, "found": 120, "ratio": 0.375},
                "size": {"bytes": 7 * GIB, "limit_bytes": 100 * GIB, "ratio": 0.07},
                "time": {
                    "elapsed_seconds": 900.0,
                    "limit_seconds": 7200.0,
                    "ratio": 0.125,
                    "exec_seconds": 2700.0,
                },
                "pause": None,
                "paused_before_seconds": 0.0,
                "pods": [
                    {
                        "name": f"crawl-{CRAWL_ID}-0",
                        "role": "crawler",
                        "exists": True,
                        "trouble": False,
                        "phase": None,
                        "node": None,
                        "unschedulable": None,
                        "waiting": None,
                        "restarts": None,
                        "memory": {
                            "used_bytes": GIB,
                            "allocated_bytes": 2 * GIB,
                            "request_bytes": None,
                            "limit_bytes": None,
                            "ratio": 0.5,
                        },
                        "cpu": {
                            "used_cores": 0.75,
                            "allocated_cores": 1.5,
                            "request_cores": None,
                            "ratio": 0.5,
                        },
                        "storage": {
                            "used_bytes": 5 * GIB,
                            "allocated_bytes": 25 * GIB,
                            "ratio": 0.2,
                        },
                        "volume": None,
                        "restart_reason": None,
                        "evicted": False,
                        "evicted_for": None,
                        "backoff": False,
                        "exit": None,
                    }
                ],
                "pod_count": 1,
                "unreadable_fields": [],
            }
        ],
    }


async def test_unknown_is_null_and_not_zero(serve: Serve) -> None:
    site = await serve(status_page=True)
    pod = crawler_pod(used={"memory": 0, "cpu": 0, "storage": 0})
    job = crawljob(
        pods={f"crawl-{CRAWL_ID}-0": pod},
        spec={"maxCrawlSize": 0, "timeout": 0},
        status={"pagesDone": None, "size": "lots"},
    )
    site.watch.add(job)
    crawl = await crawl_of(site)
    assert crawl["size"] == {"bytes": None, "limit_bytes": None, "ratio": None}
    assert crawl["time"]["limit_seconds"] is None
    assert crawl["pages"] == {"done": None, "found": 120, "ratio": None}
    assert crawl["unreadable_fields"] == ["status.size"]
    (seen,) = crawl["pods"]
    assert seen["memory"]["used_bytes"] is None
    assert seen["memory"]["allocated_bytes"] == 2 * GIB
    assert seen["memory"]["ratio"] is None
    assert seen["cpu"]["used_cores"] is None
    assert seen["storage"]["used_bytes"] == 0, "nothing waits to be uploaded: that is measured"


async def test_a_deleted_pod_keeps_its_exit_and_nothing_else(serve: Serve) -> None:
    site = await serve(status_page=True)
    deleted = crawler_pod(
        exitTime="2025-05-21T11:59:00Z", exitCode=137, reason="oom", evicted=True, newCpu=3
    )
    pods = {
        f"redis-{CRAWL_ID}": redis_pod(),
        f"crawl-{CRAWL_ID}-1": deleted,
        f"crawl-{CRAWL_ID}-0": crawler_pod(evicted=True),
    }
    site.watch.add(crawljob(pods=pods, status={"scale": 1}))
    first, second, last = (await crawl_of(site))["pods"]
    assert (first["name"], first["evicted"]) == (f"crawl-{CRAWL_ID}-0", True)
    assert first["restart_reason"] == "evicted"
    assert (second["role"], second["exists"]) == ("redis", True)
    assert last == {
        "name": f"crawl-{CRAWL_ID}-1",
        "role": "crawler",
        "exists": False,
        "trouble": True,
        "phase": None,
        "node": None,
        "unschedulable": None,
        "waiting": None,
        "restarts": None,
        "memory": {
            "used_bytes": None,
            "allocated_bytes": None,
            "request_bytes": None,
            "limit_bytes": None,
            "ratio": None,
        },
        "cpu": {
            "used_cores": None,
            "allocated_cores": None,
            "request_cores": None,
            "ratio": None,
        },
        "storage": {"used_bytes": None, "allocated_bytes": None, "ratio": None},
        "volume": None,
        "restart_reason": None,
        "evicted": False,
        "evicted_for": None,
        "backoff": False,
        "exit": {
            "at": "2025-05-21T11:59:00Z",
            "code": 137,
            "meaning": "out of memory",
            "reason": "oom",
        },
    }


async def test_a_pause_counts_down_and_expires(serve: Serve) -> None:
    site = await serve(status_page=True)
    site.watch.add(crawljob(spec={"pausedAt": "2025-05-21T12:00:00Z"}, status={"state": "paused"}))
    site.now += 86400.0
    assert (await crawl_of(site))["pause"] == {
        "since": "2025-05-21T12:00:00Z",
        "expires": "2025-05-28T12:00:00Z",
        "limit_seconds": 604800.0,
        "remaining_seconds": 518400.0,
        "ratio": 0.1429,
    }
    site.now += 30 * 86400.0
    assert (await crawl_of(site))["pause"]["remaining_seconds"] == 0.0


async def test_a_timestamp_beyond_the_year_9999_is_unknown(serve: Serve) -> None:
    site = await serve(status_page=True)
    site.watch.add(crawljob(spec={"pausedAt": "9999-12-31T23:59:59Z"}))
    pause = (await crawl_of(site))["pause"]
    assert (pause["since"], pause["expires"]) == ("9999-12-31T23:59:59Z", None)
    assert "unknown" in await site.page("/?sort=pause")


async def test_no_user_and_no_malformed_value_is_shown(serve: Serve) -> None:
    site = await serve(status_page=True)
    user = "99999999-2222-4333-8444-555555555555"
    site.watch.add(crawljob(spec={"userid": user, "timeout": "someone@example.org"}))
    for path in ("/", "/api/v1/crawls"):
        async with site.get(path) as response:
            text = await response.text()
        assert user not in text
        assert "example.org" not in text
        assert "spec.timeout" in text


async def test_what_kubernetes_says_of_a_pod(serve: Serve) -> None:
    site = await serve(status_page=True)
    site.watch.add(crawljob(pods={}))
    waiting = container_status(state={"waiting": {"reason": "ImagePullBackOff"}}, restartCount=3)
    site.pods = [
        pod(f"crawl-{CRAWL_ID}-0", status={"containerStatuses": [waiting]}),
        pod(f"crawl-{CRAWL_ID}-1", status=unschedulable("0/3 nodes: 3 Insufficient memory.")),
        pod(f"crawl-{CRAWL_ID}-2", status=evicted("ephemeral-storage")),
    ]
    first, second, third = (await crawl_of(site))["pods"]
    assert [first[name] for name in ("phase", "node", "waiting", "restarts", "trouble")] == [
        *("Running", "node-1", "ImagePullBackOff", 3, True)
    ]
    assert first["memory"]["request_bytes"] == GIB
    assert first["memory"]["limit_bytes"] == 1229 * 1024**2
    assert first["cpu"]["request_cores"] == 0.9
    assert (second["phase"], second["unschedulable"]) == ("Pending", "memory")
    assert (third["evicted"], third["evicted_for"]) == (True, "storage")
    assert second["trouble"]
    assert third["trouble"]


async def test_the_volume_of_a_pod_is_shown_as_long_as_it_is_kept(serve: Serve) -> None:
    site = await serve(status_page=True)
    site.watch.add(crawljob(pods={}, status={"state": "paused", "scale": 0}))
    site.pods = []
    growing = {"type": "Resizing", "status": "True"}
    site.volumes = [
        claim(f"crawl-{CRAWL_ID}-0", status={"conditions": [growing]}),
        claim(f"crawl-{CRAWL_ID}-1", spec={"storageClassName": None}, status={"phase": "Lost"}),
    ]
    first, second = (await crawl_of(site))["pods"]
    assert first["volume"] == {
        "phase": "Bound",
        "requested_bytes": 25 * GIB,
        "capacity_bytes": 26 * GIB,
        "storage_class": "standard",
        "resize_pending": True,
    }
    assert (first["exists"], first["trouble"]) == (False, False)
    assert second["volume"]["phase"] == "Lost"
    assert second["volume"]["storage_class"] is None
    assert second["trouble"]


async def test_a_crawl_with_a_thousand_pods_shows_a_hundred(serve: Serve) -> None:
    site = await serve(status_page=True)
    pods = {f"crawl-{CRAWL_ID}-{n}": crawler_pod() for n in range(1000)}
    site.watch.add(crawljob(pods=pods, status={"scale": 1000}))
    crawl = await crawl_of(site)
    assert (len(crawl["pods"]), crawl["pod_count"]) == (100, 1000)
    assert "and 900 more" in await site.page()


async def test_finished_crawls_newest_first(serve: Serve) -> None:
    site = await serve(status_page=True)
    records = [
        finished(2),
        finished(0, stop_reason="size-limit", deleted_at=UPDATED_EPOCH + 31),
        finished(1, state="failed", oid="p"),
    ]
    remember(site.ledger, *records)
    found = await site.json("/api/v1/finished")
    assert found["total"] == 3
    assert [record["crawl"] for record in found["finished"]] == ["c0", "c1", "c2"]
    assert found["finished"][0] == {
        "uid": "u0",
        "namespace": "crawlers",
        "org": "o",
        "crawl": "c0",
        "state": "complete",
        "stop_reason": "size-limit",
        "finished": "2025-05-21T12:00:00Z",
        "paused_seconds": 0.0,
        "deleted_at": "2025-05-21T12:00:31Z",
        "learned": None,
        "workflow": "w",
        "org_name": None,
        "workflow_name": None,
        "browsertrix_url": None,
    }
    for query, expected in (("state=failed", 1), ("org=o", 2), ("q=c1", 1), ("namespace=x", 0)):
        assert (await site.json(f"/api/v1/finished?{query}"))["total"] == expected


async def test_events_newest_first(serve: Serve) -> None:
    site = await serve(status_page=True)
    baseline = Baseline("u", "crawlers", "o", "c", "job")
    events = [
        StateEntered(UPDATED_EPOCH, "running", ""),
        PodExited(UPDATED_EPOCH + 1, "crawl-c-0", "crawler", "oom", 137),
    ]
    log(site.ledger, baseline, events, UPDATED_EPOCH + 2)
    other = Baseline("v", "crawlers", "p", "d", "job")
    log(site.ledger, other, [Paused(UPDATED_EPOCH + 3)], UPDATED_EPOCH + 4)
    found = await site.json("/api/v1/events")
    kinds = [one["kind"] for one in found["events"]]
    assert kinds == ["paused", "pod exited", "state entered"]
    assert found["events"][1] == {
        "at": "2025-05-21T12:00:01Z",
        "noticed": "2025-05-21T12:00:02Z",
        "kind": "pod exited",
        "namespace": "crawlers",
        "org": "o",
        "crawl": "c",
        "uid": "u",
        "detail": {"pod": "crawl-c-0", "role": "crawler", "reason": "oom", "code": 137},
        "workflow": None,
        "org_name": None,
        "workflow_name": None,
        "browsertrix_url": None,
    }
    for query, total in ((f"kind={quote('state entered')}", 1), ("org=o", 2), ("q=d", 1)):
        assert (await site.json(f"/api/v1/events?{query}"))["total"] == total


async def test_names_and_links_are_beside_the_ids(serve: Serve) -> None:
    site = await serve(status_page=True, browsertrix="https://browsertrix.example.org/")
    give_names(site.ledger.names)
    site.watch.add(crawljob())
    remember(site.ledger, finished(0, oid=OID, cid=CID, crawl="qa-1"))
    log(site.ledger, Baseline("u0", "crawlers", OID, "qa-1", "qa-job"), [Paused(0.0)], 1.0)
    named = {"org_name": "Library of X", "workflow_name": "News daily", "workflow": CID}
    page = f"https://browsertrix.example.org/orgs/library-of-x/workflows/{CID}"

    found = await site.json("/api/v1/crawls")

    assert found["org_names"] == {OID: "Library of X"}
    assert found["crawls"][0].items() >= named.items()
    assert found["crawls"][0]["browsertrix_url"] == f"{page}/crawls/{CRAWL_ID}"
    for path in ("finished", "events"):
        (one,) = (await site.json(f"/api/v1/{path}"))[path]
        assert one.items() >= named.items()
        assert one["browsertrix_url"] == page, "a QA run has no page"

    site.ledger.names.withhold()
    (crawl,) = (await site.json("/api/v1/crawls"))["crawls"]
    assert (crawl["org"], crawl["org_name"], crawl["browsertrix_url"]) == (OID, None, None)


async def test_the_exporter_with_its_watches_and_history(serve: Serve) -> None:
    site = await serve(status_page=True)
    site.watch.add(crawljob())
    site.watch.last_error = "the watch is refused"
    site.watch.stats.last_sync = UPDATED_EPOCH
    site.watch.problems.kinds["status.size"] += 2
    found = await site.json("/api/v1/exporter")
    assert found["watches"] == [
        {
            "source": "crawljobs",
            "namespace": "crawlers",
            "synced": True,
            "up": True,
            "absent": False,
            "last_error": "the watch is refused",
            "objects": 1,
            "last_sync": "2025-05-21T12:00:00Z",
            "last_event": None,
            "unreadable_fields": 2,
            "unusable_objects": 0,
        }
    ]
    assert found["off"] == ["pods", "usage", "volumes", "indexes"]
    assert found["operator"] == []
    assert found["history"] == {"on_disk": False, "last_error": None}


@pytest.mark.parametrize("scope", ["crawlers", ""])
@pytest.mark.parametrize(
    ("silent_for", "behind_by", "silent"),
    [(600.0, 0.0, False), (601.0, 0.0, True), (601.0, 179.0, True), (601.0, 180.0, False)],
)
async def test_the_operator_is_silent_unless_the_exporter_is_behind_itself(
    serve: Serve, scope: str, silent_for: float, behind_by: float, silent: bool
) -> None:
    site = await serve(status_page=True)
    site.watch.scope = scope
    site.watch.stats.last_sync = UPDATED_EPOCH
    site.watches.append(WatchedScope(source="pods", scope=scope))  # never current
    site.now = UPDATED_EPOCH + behind_by
    # By its own clock one wrote in the future, the other long ago, and both may act all the same.
    site.pulse = {
        "other": Pulse(written=site.now + 3600.0, seen=site.now - 600.0),
        "crawlers": Pulse(written=site.now - 3600.0, seen=site.now - silent_for),
    }
    found = (await site.json("/api/v1/exporter"))["operator"]
    assert [one["namespace"] for one in found] == ["crawlers", "other"]
    assert [one["silent"] for one in found] == [silent, False]
    page = await site.page()
    assert ("operator does not act in crawlers" in page) == silent
    assert page.count("last wrote of a crawl at work") == 2


async def test_an_exporter_that_has_not_synced_yet_does_not_call_the_operator_silent(
    serve: Serve,
) -> None:
    site = await serve(status_page=True)
    site.pulse = {"crawlers": Pulse(written=site.now - 3600.0, seen=site.now - 3600.0)}
    (one,) = (await site.json("/api/v1/exporter"))["operator"]
    assert one == {"namespace": "crawlers", "last_status": "2025-05-21T11:00:00Z", "silent": False}


def test_the_page_calls_the_operator_silent_when_the_alert_does_by_default() -> None:
    defaults = Thresholds()
    assert defaults.operator_silent == view.OPERATOR_SILENT
    assert defaults.blind_after == view.BLIND
