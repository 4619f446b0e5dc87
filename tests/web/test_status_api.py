"""The status page's JSON: what it says of crawls, how it filters and pages, what it refuses."""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from aiohttp import hdrs
from hypothesis import given
from hypothesis import strategies as st
from isal import isal_zlib

from exporter.history.baseline import Baseline
from exporter.history.events import Paused, PodExited, StateEntered
from exporter.history.records import FinishedCrawl
from exporter.runtime.time_slice import TimeSlice
from exporter.web.status import site as status_site
from exporter.web.status.pagination import paginate
from exporter.web.status.query import Query
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

Serve = Callable[..., Awaitable[Any]]


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
    )
    return record._replace(**fields)


async def crawl_of(site: Any) -> dict[str, Any]:
    (crawl,) = (await site.json("/api/v1/crawls"))["crawls"]
    found: dict[str, Any] = crawl
    return found


async def test_all_that_is_said_of_a_crawl(serve: Serve) -> None:
    site = await serve(status_page=True)
    pods = {f"crawl-{CRAWL_ID}-0": crawler_pod()}
    site.watch.see(crawljob(pods=pods, status={"scale": 1}))
    assert await site.json("/api/v1/crawls") == {
        "as_of": "2025-05-21T12:00:00Z",
        "trouble": None,
        "total": 1,
        "page": 1,
        "per_page": 25,
        "next": None,
        "states": {"running": 1},
        "orgs": {OID: 1},
        "crawls": [
            {
                "uid": f"uid-crawlers-{CRAWL_ID}",
                "namespace": "crawlers",
                "org": OID,
                "crawl": CRAWL_ID,
                "workflow": CID,
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
                        "memory": {"used_bytes": GIB, "allocated_bytes": 2 * GIB, "ratio": 0.5},
                        "cpu": {"used_cores": 0.75, "allocated_cores": 1.5, "ratio": 0.5},
                        "storage": {
                            "used_bytes": 5 * GIB,
                            "allocated_bytes": 25 * GIB,
                            "ratio": 0.2,
                        },
                        "restart_reason": None,
                        "evicted": False,
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
    site.watch.see(job)
    crawl = await crawl_of(site)
    assert crawl["size"] == {"bytes": None, "limit_bytes": None, "ratio": None}
    assert crawl["time"]["limit_seconds"] is None
    assert crawl["pages"] == {"done": None, "found": 120, "ratio": None}
    assert crawl["unreadable_fields"] == ["status.size"]
    (seen,) = crawl["pods"]
    assert seen["memory"] == {"used_bytes": None, "allocated_bytes": 2 * GIB, "ratio": None}
    assert seen["cpu"]["used_cores"] is None
    assert seen["storage"]["used_bytes"] == 0, "nothing waits to be uploaded: that is measured"


async def test_a_pod_that_is_gone_keeps_how_it_ended_and_nothing_else(serve: Serve) -> None:
    site = await serve(status_page=True)
    gone = crawler_pod(
        exitTime="2025-05-21T11:59:00Z", exitCode=137, reason="oom", evicted=True, newCpu=3
    )
    pods = {
        f"redis-{CRAWL_ID}": redis_pod(),
        f"crawl-{CRAWL_ID}-1": gone,
        f"crawl-{CRAWL_ID}-0": crawler_pod(evicted=True),
    }
    site.watch.see(crawljob(pods=pods, status={"scale": 1}))
    first, second, last = (await crawl_of(site))["pods"]
    assert (first["name"], first["evicted"]) == (f"crawl-{CRAWL_ID}-0", True)
    assert first["restart_reason"] == "evicted"
    assert (second["role"], second["exists"]) == ("redis", True)
    assert last == {
        "name": f"crawl-{CRAWL_ID}-1",
        "role": "crawler",
        "exists": False,
        "memory": {"used_bytes": None, "allocated_bytes": None, "ratio": None},
        "cpu": {"used_cores": None, "allocated_cores": None, "ratio": None},
        "storage": {"used_bytes": None, "allocated_bytes": None, "ratio": None},
        "restart_reason": None,
        "evicted": False,
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
    site.watch.see(crawljob(spec={"pausedAt": "2025-05-21T12:00:00Z"}, status={"state": "paused"}))
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


async def test_a_moment_that_no_calendar_has_is_unknown(serve: Serve) -> None:
    site = await serve(status_page=True)
    site.watch.see(crawljob(spec={"pausedAt": "9999-12-31T23:59:59Z"}))
    pause = (await crawl_of(site))["pause"]
    assert (pause["since"], pause["expires"]) == ("9999-12-31T23:59:59Z", None)
    assert "unknown" in await site.page("/?sort=pause")


async def test_no_user_and_no_malformed_value_is_told(serve: Serve) -> None:
    site = await serve(status_page=True)
    user = "99999999-2222-4333-8444-555555555555"
    site.watch.see(crawljob(spec={"userid": user, "timeout": "someone@example.org"}))
    for path in ("/", "/api/v1/crawls"):
        async with site.get(path) as response:
            text = await response.text()
        assert user not in text
        assert "example.org" not in text
        assert "spec.timeout" in text


async def test_a_crawl_with_a_thousand_pods_shows_a_hundred(serve: Serve) -> None:
    site = await serve(status_page=True)
    pods = {f"crawl-{CRAWL_ID}-{n}": crawler_pod() for n in range(1000)}
    site.watch.see(crawljob(pods=pods, status={"scale": 1000}))
    crawl = await crawl_of(site)
    assert (len(crawl["pods"]), crawl["pod_count"]) == (100, 1000)
    assert "and 900 more" in await site.page()


def fleet(site: Any) -> None:
    site.watches.append(other := type(site.watch)(scope="other"))
    site.watch.see(
        crawljob(crawl="one", metadata={"creationTimestamp": "2025-05-21T01:00:00Z"}),
        crawljob(
            crawl="two",
            metadata={"creationTimestamp": "2025-05-21T02:00:00Z"},
            spec={"pausedAt": "2025-05-21T11:00:00Z", "cid": "WORKFLOW"},
            status={"state": "paused", "size": 99 * GIB},
        ),
        crawljob(
            crawl="three",
            spec={"oid": "org-3", "maxCrawlSize": 0, "timeout": 0},
            status={"state": "waiting_capacity", "pagesDone": 900, "size": 0},
            metadata={"creationTimestamp": "2025-05-21T03:00:00Z"},
        ),
    )
    other.see(
        crawljob(crawl="four", namespace="other", metadata={"creationTimestamp": None}),
    )


async def ids(site: Any, query: str) -> list[str]:
    found = await site.json(f"/api/v1/crawls?{query}")
    assert found["total"] == len(found["crawls"])
    return [crawl["crawl"] for crawl in found["crawls"]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["three", "two", "one", "four"]),
        ("sort=oldest", ["one", "two", "three", "four"]),
        ("sort=crawl", ["four", "one", "three", "two"]),
        ("sort=size", ["two", "one", "four", "three"]),
        ("sort=pages", ["three", "one", "two", "four"]),
        ("sort=limits", ["two", "one", "four", "three"]),
        ("sort=pause", ["two", "one", "three", "four"]),
        ("state=paused", ["two"]),
        ("state=no-such", []),
        ("org=org-3", ["three"]),
        ("namespace=other", ["four"]),
        ("q=TWO", ["two"]),
        ("q=workflow", ["two"]),
        ("q=t++wo+crawlers", ["two"]),
        (f"q={OID}+o&state=running&namespace=crawlers", ["one"]),
    ],
)
async def test_filters_and_orders(serve: Serve, query: str, expected: list[str]) -> None:
    site = await serve(status_page=True)
    fleet(site)
    assert await ids(site, query) == expected


async def test_states_are_counted_whatever_state_is_asked_for(serve: Serve) -> None:
    site = await serve(status_page=True)
    fleet(site)
    found = await site.json(f"/api/v1/crawls?state=paused&org={OID}")
    assert found["states"] == {"running": 2, "paused": 1}
    assert found["orgs"] == {OID: 3, "org-3": 1}


async def test_the_next_links_lead_through_all_of_them_once(serve: Serve) -> None:
    site = await serve(status_page=True)
    site.watch.see(*(crawljob(crawl=f"c{n:04}") for n in range(1000)))
    url: str | None = "/api/v1/crawls?per_page=150&q=c0&sort=crawl"
    seen: list[str] = []
    while url:
        found = await site.json(url)
        assert found["total"] == 1000
        seen += [crawl["crawl"] for crawl in found["crawls"]]
        url = found["next"]
    assert seen == [f"c{n:04}" for n in range(1000)]
    beyond = await site.json("/api/v1/crawls?page=1000")
    assert (beyond["crawls"], beyond["next"]) == ([], None)


@given(st.lists(st.one_of(st.none(), st.integers(0, 50)), max_size=1500), st.integers(1, 40))
async def test_a_page_is_the_slice_of_what_sorting_all_gives(
    items: list[int | None], page: int
) -> None:
    chosen = await paginate(items, lambda item: item, Query(page=page, per_page=50), TimeSlice(0.0))
    expected = sorted(item for item in items if item is not None)
    assert chosen.total == len(expected)
    assert chosen.items == expected[(page - 1) * 50 : page * 50]


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        ("crawls?page=0", "page: expected a whole number from 1 to 1000000, got '0'"),
        ("crawls?page=%D9%A3", "page: expected a whole number from 1 to 1000000, got '٣'"),
        ("crawls?page=", "page: expected a whole number from 1 to 1000000, got ''"),
        ("crawls?per_page=201", "per_page: expected a whole number from 1 to 200, got '201'"),
        (
            "crawls?sort=x",
            "sort: expected one of newest, oldest, limits, pause, size, pages, crawl, got 'x'",
        ),
        ("crawls?state=a&state=b", "state: expected once, got 2 times"),
        (
            "crawls?stat=a",
            (
                "'stat' is no parameter here; there are: "
                "namespace, org, page, per_page, q, sort, state"
            ),
        ),
        (
            "events?state=a",
            "'state' is no parameter here; there are: kind, namespace, org, page, per_page, q",
        ),
    ],
)
async def test_a_wrong_question_is_explained(serve: Serve, path: str, complaint: str) -> None:
    site = await serve(status_page=True)
    assert await site.json(f"/api/v1/{path}", status=400) == {"error": complaint}


async def test_a_text_too_long_is_refused_without_being_repeated_in_full(serve: Serve) -> None:
    site = await serve(status_page=True)
    error = (await site.json(f"/api/v1/crawls?q={'x' * 5000}", status=400))["error"]
    assert error.startswith("q: expected at most 200 characters")
    assert len(error) < 300


async def test_a_scope_that_is_not_complete_is_not_shown_and_that_is_said(serve: Serve) -> None:
    site = await serve(status_page=True)
    fleet(site)
    site.watch.synced = False
    site.unready = "crawlers: not listed yet"
    found = await site.json("/api/v1/crawls")
    assert [crawl["crawl"] for crawl in found["crawls"]] == ["four"]
    assert found["trouble"] == "crawlers: not listed yet"
    site.dead = "ended by a fault: history"
    assert (await site.json("/api/v1/finished"))["trouble"] == "ended by a fault: history"


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
    }
    for query, expected in (("state=failed", 1), ("org=o", 2), ("q=c1", 1), ("namespace=x", 0)):
        assert (await site.json(f"/api/v1/finished?{query}"))["total"] == expected


async def test_happenings_newest_first(serve: Serve) -> None:
    site = await serve(status_page=True)
    facts = Baseline("u", "crawlers", "o", "c", "job")
    told = [
        StateEntered(UPDATED_EPOCH, "running", ""),
        PodExited(UPDATED_EPOCH + 1, "crawl-c-0", "crawler", "oom", 137),
    ]
    log(site.ledger, facts, told, UPDATED_EPOCH + 2)
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
    }
    for query, total in ((f"kind={quote('state entered')}", 1), ("org=o", 2), ("q=d", 1)):
        assert (await site.json(f"/api/v1/events?{query}"))["total"] == total


async def test_how_the_exporter_is(serve: Serve) -> None:
    site = await serve(status_page=True)
    site.watch.see(crawljob())
    site.watch.last_error = "the watch is refused"
    site.watch.stats.last_sync = UPDATED_EPOCH
    site.watch.problems.kinds["status.size"] += 2
    found = await site.json("/api/v1/exporter")
    assert found["watches"] == [
        {
            "namespace": "crawlers",
            "synced": True,
            "trouble": "the watch is refused",
            "crawljobs": 1,
            "last_sync": "2025-05-21T12:00:00Z",
            "last_event": None,
            "unreadable_fields": 2,
            "unusable_objects": 0,
        }
    ]
    assert found["history"] == {"on_disk": False, "trouble": None}


async def test_answers_are_compressed_where_that_is_wanted(serve: Serve) -> None:
    site = await serve(status_page=True)
    site.watch.see(*(crawljob(crawl=f"c{n}") for n in range(20)))
    async with site.get("/api/v1/crawls") as response:
        plain = await response.read()
        assert hdrs.CONTENT_ENCODING not in response.headers
    headers = {"Accept-Encoding": "gzip"}
    async with site.get("/api/v1/crawls", headers=headers) as response:
        packed = await response.read()
        assert response.headers[hdrs.CONTENT_ENCODING] == "gzip"
        assert response.headers[hdrs.VARY] == "Accept-Encoding"
    assert isal_zlib.decompress(packed, 31) == plain
    assert len(packed) * 5 < len(plain)


@pytest.mark.parametrize("path", ["/", "/api/v1/crawls", "/status/style.css"])
async def test_it_is_only_read(serve: Serve, path: str) -> None:
    site = await serve(status_page=True)
    async with site.session.head(f"{site.address.url}{path}") as response:
        assert response.status == 200
        assert await response.read() == b""
    async with site.session.post(f"{site.address.url}{path}", data=b"x") as response:
        assert response.status == 405
        assert response.headers["Allow"] == "GET,HEAD"


@pytest.mark.parametrize(
    "path", ["/api/v1/crawls", "/api/v1/exporter", "/status/style.css", "/status/refresh.js"]
)
async def test_switched_off_it_is_not_there(serve: Serve, path: str) -> None:
    site = await serve()
    async with site.get(path) as response:
        assert response.status == 404


async def test_too_many_readers_at_once_are_refused(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status_site, "MOST_READERS", 0)
    site = await serve(status_page=True)
    async with site.get("/api/v1/crawls") as response:
        assert response.status == 503
        assert await response.text() == "More than 0 readers at once, try again later.\n"


def test_a_link_keeps_what_is_asked_and_leaves_out_what_is_usual() -> None:
    query = Query(q="a&b <c>", state="paused", page=3)
    assert query.link() == f"?{urlencode({'state': 'paused', 'q': 'a&b <c>', 'page': 3})}"
    assert query.link(state="", q="", page=1) == "?"
