"""What is counted and served while crawls come, change and are deleted.

Long, for what a scrape sees of each of these is tested while others are under way, too.
"""

from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from exporter.cluster.changes import Change
from exporter.crawls import Crawl, PauseLimit
from exporter.history.ledger import Ledger
from exporter.metrics import (
    Exposition,
    Format,
    HistoryCollector,
    SeriesStore,
    catalog,
    selected,
    table,
)
from exporter.metrics.crawl_tables import MAX_POD_BYTES
from exporter.metrics.snapshot import Snapshot
from exporter.resources.browsertrix import ServerSettings
from exporter.resources.crawljob import parse_json
from exporter.resources.crawljob.states import KNOWN_STATES
from support.claim_factories import claim
from support.factories import (
    CRAWL_ID,
    CREATED,
    UPDATED_EPOCH,
    crawler_pod,
    crawljob,
    redis_pod,
    to_wire,
)
from support.pod_factories import pod

CREATED_EPOCH = UPDATED_EPOCH - 960
FAMILIES = selected(
    catalog(), ["browsertrix_crawl_state", "browsertrix_crawls", "browsertrix_malformed_*"], []
)


class Served:
    """A store, fed by hand, and what it serves."""

    def __init__(self, *families: str) -> None:
        chosen = selected(catalog(), families, []) if families else FAMILIES
        self.store = SeriesStore(chosen)
        self.exposition = Exposition(
            chosen, self.store, HistoryCollector(chosen, Ledger.open()), CollectorRegistry()
        )

    def put(self, after: Crawl, before: Crawl | None = None, scope: str = "crawlers") -> Crawl:
        self.store.on_change(Change(scope, before, after))
        return after

    def drop(self, before: Crawl, final: Crawl | None = None) -> None:
        self.store.on_change(Change("crawlers", before, final, deleted=True))

    def lines(self, now: float = 0.0) -> list[str]:
        text = b"".join(self.exposition.chunks(Format.TEXT, None, now)).decode()
        return [line for line in text.splitlines() if not line.startswith("#")]

    def states(self) -> list[str]:
        return [line for line in self.lines() if line.startswith("browsertrix_crawl_state")]

    def counts(self) -> dict[str, float]:
        """All counts that are not zero, by the text of their labels."""
        return {
            line.split("{")[1].split("}")[0]: float(line.split()[-1])
            for line in self.lines()
            if line.startswith("browsertrix_crawls{") and not line.endswith(" 0.0")
        }


def crawl(name: str = "a", **parts: Any) -> Crawl:
    return Crawl(parse_json(to_wire(crawljob(crawl=name, **parts))))


def in_state(state: str, name: str = "a") -> Crawl:
    return crawl(name, status={"state": state})


def test_nothing_is_served_of_a_scope_before_its_first_list_is_complete() -> None:
    served = Served()
    served.put(in_state("running"))
    assert served.lines() == []
    served.store.on_synced("crawlers", "1")
    assert len(served.states()) == 1
    assert served.counts() == {'namespace="crawlers",state="running"': 1}


def test_a_scope_is_served_while_another_is_still_being_listed() -> None:
    served = Served()
    served.put(in_state("running"))
    served.put(crawl("b", namespace="other"), scope="other")
    served.store.on_synced("crawlers", "1")
    assert [line for line in served.lines() if "other" in line] == []
    served.store.on_synced("other", "1")
    assert len(served.states()) == 2


def test_a_named_namespace_without_crawls_counts_zeros() -> None:
    served = Served()
    served.store.on_synced("crawlers", "1")
    assert len(served.lines()) == len(KNOWN_STATES) + 1
    assert all(line.endswith(" 0.0") for line in served.lines())


def test_all_namespaces_count_zeros_only_where_crawls_were_seen() -> None:
    served = Served()
    served.store.on_synced("", "1")
    assert served.lines() == []
    held = served.put(in_state("running"), scope="")
    served.store.on_change(Change("", held, None, deleted=True))
    assert len(served.lines()) == len(KNOWN_STATES) + 1
    assert all(line.endswith(" 0.0") for line in served.lines())


def test_counts_follow_states() -> None:
    served = Served()
    served.store.on_synced("crawlers", "1")
    first = served.put(in_state("starting"))
    served.put(in_state("starting", "b"))
    assert served.counts() == {'namespace="crawlers",state="starting"': 2}
    first = served.put(in_state("running"), first)
    assert served.counts() == {
        'namespace="crawlers",state="starting"': 1,
        'namespace="crawlers",state="running"': 1,
    }
    served.drop(first, in_state("complete"))
    assert served.counts() == {'namespace="crawlers",state="starting"': 1}


def test_an_unknown_state_is_counted_while_a_crawl_is_in_it() -> None:
    served = Served()
    served.store.on_synced("crawlers", "1")
    held = served.put(in_state("levitating"))
    assert served.counts() == {'namespace="crawlers",state="levitating"': 1}
    served.put(in_state("running"), held)
    assert not [line for line in served.lines() if "levitating" in line]


def test_malformed_crawljobs_are_counted_while_they_are_so() -> None:
    served = Served()
    served.store.on_synced("crawlers", "1")
    malformed = served.put(crawl(status={"pagesDone": "x"}))
    line = 'browsertrix_malformed_crawljobs{namespace="crawlers"}'
    assert f"{line} 1.0" in served.lines()
    served.put(crawl(), malformed)
    assert f"{line} 0.0" in served.lines()


def test_a_deleted_crawl_has_no_series() -> None:
    served = Served()
    served.store.on_synced("crawlers", "1")
    held = served.put(in_state("running"))
    served.drop(held)
    assert served.states() == []
    served.drop(held)  # once more, as after a repeated event
    assert served.counts() == {}


def test_a_deletion_of_an_object_never_seen_changes_nothing() -> None:
    served = Served()
    served.store.on_synced("crawlers", "1")
    served.store.on_change(Change("crawlers", None, in_state("complete"), deleted=True))
    assert served.states() == []
    assert served.counts() == {}


def test_the_same_crawl_in_two_namespaces_has_two_series() -> None:
    served = Served()
    served.store.on_synced("", "1")
    served.put(in_state("running"), scope="")
    served.put(crawl("a", namespace="other"), scope="")
    assert len(set(served.states())) == 2


def test_two_objects_that_mean_the_same_crawl_never_have_the_same_series() -> None:
    served = Served()
    served.store.on_synced("crawlers", "1")
    other = crawl("a", metadata={"name": "a"}, status={"state": "paused"})
    served.put(other)
    assert ['state="paused"' in line for line in served.states()] == [True]
    own = served.put(in_state("running"))
    assert ['state="running"' in line for line in served.states()] == [True]
    served.put(other, other)
    assert ['state="running"' in line for line in served.states()] == [True]
    assert sum(served.counts().values()) == 2
    served.drop(own)
    assert ['state="paused"' in line for line in served.states()] == [True]


def test_a_crawl_with_a_thousand_pods_cannot_fill_a_scrape(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Neither with very many of them, nor with names that grow when they are escaped."""
    served = Served("browsertrix_pod_*", "browsertrix_dropped_pods", "browsertrix_crawl_state")
    served.store.on_synced("crawlers", "1")
    pods = {'\n"' * 120 + str(number): crawler_pod() for number in range(1000)}
    served.put(crawl("other", status={"podStatus": {"crawl-other-0": crawler_pod()}}))
    alone = len("".join(served.lines()))
    many = served.put(crawl("many", status={"podStatus": pods}))

    lines = served.lines()
    assert 900_000 < len("".join(lines)) - alone < MAX_POD_BYTES + 5_000
    kept = sum(
        line.startswith("browsertrix_pod_memory_allocated_bytes{") and 'crawl="many"' in line
        for line in lines
    )
    assert f'browsertrix_dropped_pods{{namespace="crawlers"}} {1000 - kept}.0' in lines
    assert any(line.startswith('browsertrix_crawl_state{crawl="many"') for line in lines)
    assert [vars(one)["crawljob"] for one in caplog.records] == ["crawljob-many"]

    paused = served.put(crawl("many", status={"podStatus": pods, "state": "paused"}), many)
    fewer = served.put(crawl("many", status={"podStatus": dict(list(pods.items())[:2])}), paused)
    assert 'browsertrix_dropped_pods{namespace="crawlers"} 0.0' in served.lines()
    assert len(caplog.records) == 1
    served.drop(fewer)
    assert len("".join(served.lines())) == alone


def test_fifty_pods_with_browsertrix_own_names_are_all_served() -> None:
    served = Served("browsertrix_pod_*", "browsertrix_dropped_pods")
    served.store.on_synced("crawlers", "1")
    pods = {f"crawl-{CRAWL_ID}-{number}": crawler_pod() for number in range(50)}
    served.put(crawl(CRAWL_ID, status={"podStatus": pods}))
    assert 'browsertrix_dropped_pods{namespace="crawlers"} 0.0' in served.lines()


def test_a_scrape_under_way_is_not_touched_by_changes() -> None:
    served = Served()
    served.store.on_synced("crawlers", "1")
    held = served.put(in_state("running"))
    chunks = served.exposition.chunks(Format.TEXT, None, 0.0)
    first = next(chunks)
    served.put(in_state("paused", "b"))
    served.drop(held)
    text = b"".join([first, *chunks]).decode()
    assert 'state="running"} 1.0' in text
    assert 'crawl="b"' not in text


def test_a_value_that_changes_during_scrapes_is_served_by_those_that_begin_later() -> None:
    served = Served("browsertrix_crawl_pages_done")
    served.store.on_synced("crawlers", "1")
    held = served.put(crawl(status={"pagesDone": 1}))
    scrapes = []
    for pages in (2, 3, 4):
        held = served.put(crawl(status={"pagesDone": pages}), held)
        scrapes.append((pages, served.exposition.chunks(Format.TEXT, None, 0.0)))
        if pages == 3:
            _, first = scrapes.pop(0)
            assert b" 2.0\n" in b"".join(first)
    for pages, chunks in scrapes:
        assert f" {pages}.0\n".encode() in b"".join(chunks)


def test_series_are_copied_by_a_change_only_while_a_scrape_lasts() -> None:
    store = SeriesStore(FAMILIES)
    store.on_synced("", "1")
    held = crawl()
    store.on_change(Change("", None, held))

    def cells(snapshot: Snapshot) -> Any:
        ((_, found),) = snapshot.columns["browsertrix_crawl_state"][0]
        return found

    snapshot = store.snapshot()
    first = cells(snapshot)
    store.on_change(Change("", held, crawl()))
    second = cells(store.snapshot())
    assert second is not first
    del snapshot
    store.on_change(Change("", held, crawl()))
    assert cells(store.snapshot()) is second


def test_the_pause_grows_with_the_clock_and_never_below_zero() -> None:
    served = Served("browsertrix_crawl_pause_duration_seconds")
    served.store.on_synced("crawlers", "1")
    held = served.put(crawl(spec={"pausedAt": CREATED}))
    assert served.lines(CREATED_EPOCH + 90.5)[0].endswith(" 90.5")
    assert served.lines(CREATED_EPOCH + 100)[0].endswith(" 100.0")
    assert served.lines(CREATED_EPOCH - 5)[0].endswith(" 0.0")
    served.put(crawl(spec={"pausedAt": ""}), held)
    assert served.lines(CREATED_EPOCH + 200)[0].endswith(" 0.0")


def test_pods_that_come_and_go_are_rendered_anew() -> None:
    served = Served("browsertrix_pod_evicted")
    served.store.on_synced("crawlers", "1")
    pods = {f"crawl-a-{n}": crawler_pod() for n in range(2)}
    held = served.put(crawl(pods={"crawl-a-0": crawler_pod()}))
    assert len(served.lines()) == 1
    held = served.put(crawl(pods=pods), held)
    assert len(served.lines()) == 2
    served.put(crawl(pods=pods, status={"scale": 1}), held)
    assert ["crawl-a-0" in line for line in served.lines()] == [True]


def test_cells_of_unchanged_samples_are_kept() -> None:
    store = SeriesStore(catalog())
    store.on_synced("", "1")

    def cells() -> list[tuple[str, Any]]:
        return [
            (name, cell)
            for name, columns in store.snapshot().columns.items()
            for column in columns
            for _, cells in column
            for cell in cells
        ]

    store.on_change(Change("", None, crawl()))
    before = cells()
    store.on_change(Change("", crawl(), crawl(status={"pagesDone": 46})))
    moved = [
        (name, new) for (_, old), (name, new) in zip(before, cells(), strict=True) if old is not new
    ]
    assert moved == [("browsertrix_crawl_pages_done", b"} 46.0\n")]


def test_a_scrape_gets_the_last_of_several_changes() -> None:
    served = Served("browsertrix_crawl_pages_done")
    served.store.on_synced("crawlers", "1")
    held = served.put(crawl(status={"pagesDone": 1}))
    for pages in (2, 3):
        held = served.put(crawl(status={"pagesDone": pages}), held)
    assert [line.split()[-1] for line in served.lines()] == ["3.0"]
    held = served.put(crawl(status={"pagesDone": 4}), held)
    served.put(crawl(status={"pagesDone": 3}), held)
    assert [line.split()[-1] for line in served.lines()] == ["3.0"]


def test_what_a_scrape_of_other_families_left_out_is_served_by_the_next() -> None:
    served = Served("browsertrix_crawl_pages_*")
    served.store.on_synced("crawlers", "1")
    held = served.put(crawl(status={"pagesDone": 1, "pagesFound": 2}))
    served.put(crawl(status={"pagesDone": 3, "pagesFound": 4}), held)
    only = frozenset({"browsertrix_crawl_pages_done"})
    text = b"".join(served.exposition.chunks(Format.TEXT, only, 0.0)).decode()
    assert text.endswith(" 3.0\n")
    assert sorted(line.split()[-1] for line in served.lines()) == ["3.0", "4.0"]


def test_a_crawl_in_place_of_a_deleted_one_shares_nothing_with_it() -> None:
    served = Served("browsertrix_crawl_*", "browsertrix_pod_*")
    served.store.on_synced("crawlers", "1")
    held = served.put(
        crawl(
            spec={"pausedAt": CREATED, "timeout": 60},
            status={"stopReason": "paused"},
            pods={"crawl-a-0": crawler_pod(reason="oom", exitCode=137), "redis-a": redis_pod()},
        )
    )
    served.drop(held)
    assert served.lines() == []
    served.put(crawl("b", pods={}))
    fresh = Served("browsertrix_crawl_*", "browsertrix_pod_*")
    fresh.store.on_synced("crawlers", "1")
    fresh.put(crawl("b", pods={}))
    assert served.lines() == fresh.lines()


def test_an_organisation_that_changes_is_on_all_series() -> None:
    served = Served("browsertrix_crawl_*", "browsertrix_pod_*")
    served.store.on_synced("crawlers", "1")
    held = served.put(crawl(spec={"oid": "first"}))
    served.put(crawl(spec={"oid": "second"}), held)
    assert all('oid="second"' in line for line in served.lines())


def test_thousands_of_crawls_are_each_served_once() -> None:
    served = Served("browsertrix_crawl_pages_done", "browsertrix_crawl_state")
    served.store.on_synced("crawlers", "1")
    held = [served.put(crawl(str(n), status={"pagesDone": n})) for n in range(2100)]
    served.lines()
    for old in held[::7]:
        served.drop(old)
    for n in range(2100, 2200):
        served.put(crawl(str(n), status={"pagesDone": n}))
    expected = {n for n in range(2200) if n >= 2100 or n % 7}
    figures = [line for line in served.lines() if "pages_done" in line]
    assert len(figures) == len(expected)
    assert {
        int(line.partition('crawl="')[2].partition('"')[0]): float(line.split()[-1])
        for line in figures
    } == {n: float(n) for n in expected}
    assert len(served.states()) == len(expected)


def test_a_deletion_leaves_the_rows_of_the_others_as_they_are() -> None:
    served = Served("browsertrix_crawl_pause_duration_seconds", "browsertrix_crawl_pages_done")
    paused = {"pausedAt": "2025-05-21T11:50:00Z"}
    held = {
        name: served.put(crawl(name, spec=paused, status={"pagesDone": number}))
        for number, name in enumerate("abcd")
    }
    served.store.on_synced("crawlers", "1")
    served.drop(held.pop("b"))
    served.drop(held.pop("d"))
    served.put(crawl("e", status={"pagesDone": 7}))
    served.put(crawl("a", spec=paused, status={"pagesDone": 9}), held["a"])
    found = {}
    for line in served.lines(now=UPDATED_EPOCH):
        name, _, rest = line.partition("{")
        whose = rest.partition('crawl="')[2].partition('"')[0]
        found[name.removeprefix("browsertrix_crawl_"), whose] = float(line.rpartition(" ")[2])
    assert found == {
        ("pages_done", "a"): 9.0,
        ("pages_done", "c"): 2.0,
        ("pages_done", "e"): 7.0,
        ("pause_duration_seconds", "a"): 600.0,
        ("pause_duration_seconds", "c"): 600.0,
        ("pause_duration_seconds", "e"): 0.0,
    }


def test_a_crawl_that_changes_its_scope_is_served_once() -> None:
    served = Served("browsertrix_crawl_pages_done")
    held = served.put(crawl(status={"pagesDone": 1}), scope="crawlers")
    served.store.on_synced("crawlers", "1")
    served.store.on_synced("", "1")
    assert len(served.lines()) == 1
    served.put(crawl(status={"pagesDone": 2}), held, scope="")
    (line,) = served.lines()
    assert line.endswith(" 2.0")


def test_no_scrape_has_more_than_a_few_milliseconds_of_changes_to_write_at_a_time() -> None:
    served = Served("browsertrix_pod_memory_used_bytes")
    served.store.on_synced("crawlers", "1")

    def used(number: int, memory: int) -> Crawl:
        pods = {f"crawl-c{number}-0": crawler_pod(used={"memory": memory})}
        return crawl(f"c{number}", pods=pods)

    held = [served.put(used(number, 1)) for number in range(table._MOST_UNWRITTEN + 100)]
    for memory in (2, 3):
        for number, before in enumerate(held):
            held[number] = served.put(used(number, memory), before)
    (tables,) = served.store._tables.values()
    waiting = [len(block.unwritten) for block in tables._pods._blocks]
    assert 0 < max(waiting) <= table._MOST_UNWRITTEN
    assert {line.split()[-1] for line in served.lines()} == {"3.0"}
    assert len(served.lines()) == len(held)


def test_the_operators_pulse_is_the_latest_status_of_the_crawls_at_work() -> None:
    served = Served("browsertrix_operator_last_status_timestamp_seconds")
    served.store.on_synced("crawlers", "1")
    assert served.lines() == []

    def put(name: str, state: str, updated: str, before: Crawl | None = None) -> Crawl:
        return served.put(crawl(name, status={"state": state, "lastUpdatedTime": updated}), before)

    waiting = put("waiting", "waiting_capacity", "2025-05-21T12:30:00Z")
    assert served.lines() == []
    first = put("a", "running", "2025-05-21T12:00:00Z")
    put("b", "uploading-wacz", "2025-05-21T12:01:00Z")
    pulse = 'browsertrix_operator_last_status_timestamp_seconds{namespace="crawlers"}'
    assert served.lines() == [f"{pulse} 1.74782886e+09"]
    put("a", "running", "2025-05-21T12:02:00Z", first)
    assert served.lines() == [f"{pulse} 1.74782892e+09"]
    put("waiting", "running", "2025-05-21T11:00:00Z", waiting)
    assert served.lines() == [f"{pulse} 1.74782892e+09"]


def test_the_operators_pulse_is_seen_by_our_clock_whatever_its_own_says() -> None:
    now = 1000.0
    store = SeriesStore(FAMILIES, clock=lambda: now)
    before = None
    for now, updated, seen in (  # noqa: B007 - read by the store's clock
        (1000.0, "2025-05-21T12:00:00Z", 1000.0),
        (1060.0, "2025-05-21T12:01:00Z", 1060.0),
        (1120.0, "2025-05-21T12:01:00Z", 1060.0),
        (1180.0, "2025-05-21T11:00:00Z", 1060.0),
        (1240.0, "2025-05-21T12:01:01Z", 1240.0),
    ):
        after = crawl("a", status={"state": "running", "lastUpdatedTime": updated})
        store.on_change(Change("crawlers", before, after))
        before = after
        store.on_synced("crawlers", "1")
        assert store.pulse()["crawlers"].seen == seen
    paused = crawl("a", status={"state": "paused", "lastUpdatedTime": "2025-05-21T12:02:00Z"})
    store.on_change(Change("crawlers", before, paused))
    assert store.pulse() == {}


def test_what_other_sources_say_comes_and_goes_with_them() -> None:
    """Whichever is known first, and whatever the CrawlJob does meanwhile."""
    served = Served("browsertrix_pod_phase", "browsertrix_pod_workers", "browsertrix_volume_phase")
    served.store.on_synced("crawlers", "1")
    name = "crawl-a-0"
    alone = served.put(crawl("a", pods={name: crawler_pod()}))
    workers = [line for line in served.lines() if "_workers" in line]
    assert len(workers) == len(served.lines()) == 1
    live, volume = {name: pod(name, crawl="a")}, {name: claim(name, crawl="a")}
    both = served.put(Crawl(alone.job, pods=live, volumes=volume), alone)
    phases = served.lines()
    assert [line.partition("{")[0] for line in phases] == [
        "browsertrix_pod_workers",
        "browsertrix_pod_phase",
        "browsertrix_volume_phase",
    ]
    newer = crawl("a", pods={name: crawler_pod(lastWorkers=3)})
    changed = served.put(Crawl(newer.job, pods=live, volumes=volume), both)
    assert served.lines()[1:] == phases[1:]
    gone = served.put(Crawl(newer.job, pods={}, volumes=volume), changed)
    assert [line.partition("{")[0] for line in served.lines()] == ["browsertrix_volume_phase"]
    unknown = served.put(Crawl(alone.job), gone)
    assert served.lines() == workers
    served.drop(unknown)
    assert served.lines() == []


def test_a_pause_limit_that_changes_moves_the_end_of_pauses_that_are_served() -> None:
    limit = PauseLimit()
    families = selected(catalog(limit), ["browsertrix_crawl_pause_expires_*"], [])
    store = SeriesStore(families)
    limit.listeners.append(store.reread_paused)
    exposition = Exposition(
        families, store, HistoryCollector(families, Ledger.open()), CollectorRegistry()
    )
    for name, spec in (("a", {"pausedAt": "1970-01-01T00:00:10Z"}), ("b", {})):
        store.on_change(Change("crawlers", None, crawl(name, spec=spec)))
    store.on_synced("crawlers", "1")

    def ends() -> list[float]:
        text = b"".join(exposition.chunks(Format.TEXT, None, 0.0)).decode()
        return [float(line.split()[-1]) for line in text.splitlines() if line[0] != "#"]

    assert ends() == [7 * 86400.0 + 10]
    limit.on_polled({"": ServerSettings.parse({"pausedExpiryMinutes": 60})[0]}, 0.0)
    assert ends() == [3610.0]
