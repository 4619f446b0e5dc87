"""What events add to counters and histograms, with which labels, and what is there at 0."""

import json
from typing import Any

import pytest

from exporter.history.baseline import Baseline
from exporter.history.difference import Difference
from exporter.history.events import (
    COUNTERS,
    EVENT_TYPES,
    Canceled,
    CrawlEvent,
    Finished,
    OomKilled,
    Paused,
    PauseExpired,
    PodEvicted,
    PodExited,
    RestartDue,
    Resumed,
    Scaled,
    Started,
    StateEntered,
    Vanished,
    restored,
)
from exporter.history.label_values import outcome
from exporter.history.measures import BUCKETS, HISTOGRAMS
from exporter.history.records import LoggedEvent
from exporter.history.tallies import Tallies
from exporter.resources.crawljob.states import ENDED, KNOWN_STATES
from support import counters

BASELINE = Baseline("uid", "crawlers", "org", "crawl", "job")


def counted(*events: CrawlEvent) -> dict[tuple[str, tuple[str, ...]], float]:
    """Everything that is not 0, counters and the numbers of observations alike."""
    tallies = Tallies()
    tallies.add(BASELINE, Difference(list(events)))
    observed = {key: sum(one.counts) for key, one in tallies.histograms.items()}
    return {key: value for key, value in (tallies.totals | observed).items() if value}


def logged(kind: str, at: float, detail: dict[str, Any]) -> LoggedEvent:
    return LoggedEvent(2, at, "uid", "crawlers", "org", "crawl", kind, detail)


EXAMPLES: list[tuple[CrawlEvent, dict[tuple[str, tuple[str, ...]], float]]] = [
    (
        StateEntered(1, "paused", "running"),
        {(counters.STATES_ENTERED, ("crawlers", "paused")): 1},
    ),
    (
        PodExited(1, "p", "crawler", "interrupt: 11", 11),
        {(counters.POD_EXITS, ("crawlers", "crawler", "interrupt")): 1},
    ),
    (PodEvicted(1, "p", "redis"), {(counters.POD_EVICTIONS, ("crawlers", "redis")): 1}),
    (OomKilled(1, "p", "crawler"), {(counters.POD_OOM_KILLS, ("crawlers", "crawler")): 1}),
    (RestartDue(1, "", "forced"), {(counters.POD_RESTARTS, ("crawlers", "forced")): 1}),
    (Paused(1), {(counters.PAUSES, ("crawlers",)): 1}),
    (
        Resumed(1, 60),
        {(counters.RESUMES, ("crawlers",)): 1, (counters.PAUSE_LENGTH, ("crawlers",)): 1},
    ),
    (Resumed(1, None), {(counters.RESUMES, ("crawlers",)): 1}),
    (Started(1, 60), {(counters.WAIT, ("crawlers",)): 1}),
    (Started(1, None), {}),
    (
        Finished(1, "complete", "size-limit", 60, None),
        {
            (counters.FINISHED, ("crawlers", "complete", "size-limit")): 1,
            (counters.DURATION, ("crawlers", "complete")): 1,
        },
    ),
    (
        Finished(1, "stopped_pause_expired", "stopped_pause_expired", None, 60),
        {
            (
                counters.FINISHED,
                ("crawlers", "stopped_pause_expired", "stopped_pause_expired"),
            ): 1,
            (counters.PAUSE_LENGTH, ("crawlers",)): 1,
        },
    ),
    (Vanished(1, "size-limit", 0.5), {(counters.VANISHED, ("crawlers",)): 1}),
    (Canceled(1), {}),
    (PauseExpired(1), {}),
    (Scaled(1, "scale", 1, 2), {}),
]


@pytest.mark.parametrize(("event", "expected"), EXAMPLES)
def test_each_event_is_counted(
    event: CrawlEvent, expected: dict[tuple[str, tuple[str, ...]], float]
) -> None:
    assert counted(event) == expected


def test_there_is_an_example_of_every_event() -> None:
    assert {type(event) for event, _ in EXAMPLES} == set(EVENT_TYPES)


@pytest.mark.parametrize("event", [event for event, _ in EXAMPLES])
def test_an_event_restored_from_the_log_is_the_same(event: CrawlEvent) -> None:
    assert restored(logged(event.kind, event.at, json.loads(json.dumps(event.detail())))) == event


@pytest.mark.parametrize(
    ("kind", "detail"), [("abducted", {}), ("paused", {"by": "aliens"}), ("finished", {})]
)
def test_an_event_of_another_release_is_not_restored(kind: str, detail: dict[str, str]) -> None:
    assert restored(logged(kind, 1, detail)) is None


def test_what_was_consumed_is_counted_by_organisation_and_role() -> None:
    tallies = Tallies()
    for _ in range(2):
        tallies.add(BASELINE, Difference(exec_seconds=60, pages=3, size=1000))
    who = ("crawlers", "org", "job")
    assert tallies.totals[counters.EXEC_SECONDS, who] == 120
    assert tallies.totals[counters.PAGES, who] == 6
    assert tallies.totals[counters.BYTES, who] == 2000


@pytest.mark.parametrize("text", ["interrupt me", "x" * 65, "", "über", "a@b.example", "0"])
def test_free_text_is_counted_as_other(text: str) -> None:
    assert counted(StateEntered(1, text, "")) == {
        (counters.STATES_ENTERED, ("crawlers", "other")): 1
    }


def test_a_newer_releases_name_is_counted_as_it_is() -> None:
    events = [Finished(1, "abducted", "by-aliens_2", 60, None)]
    assert counted(*events) == {
        (counters.FINISHED, ("crawlers", "abducted", "by-aliens_2")): 1,
        (counters.DURATION, ("crawlers", "other")): 1,
    }


def test_known_combinations_are_there_at_0_as_soon_as_the_namespace_is() -> None:
    tallies = Tallies()
    tallies.see_namespace("crawlers")
    assert set(tallies.totals.values()) == {0.0}
    for state in KNOWN_STATES:
        assert (counters.STATES_ENTERED, ("crawlers", state)) in tallies.totals
    assert {labels[1] for family, labels in tallies.totals if family == counters.FINISHED} == ENDED
    for reason in ("", "size-limit", "time-limit", "paused"):
        assert (counters.FINISHED, ("crawlers", "complete", reason)) in tallies.totals
    for reason in ("done", "oom", "interrupt", "evicted"):
        assert (counters.POD_EXITS, ("crawlers", "crawler", reason)) in tallies.totals
    assert {family for family, _ in tallies.histograms} == {one.name for one in HISTOGRAMS}


def test_every_key_has_a_value_for_each_label_of_its_family() -> None:
    tallies = Tallies()
    tallies.add(BASELINE, Difference(exec_seconds=1, pages=1, size=1))
    names = {one.name: one.labels for one in (*COUNTERS, *HISTOGRAMS)}
    for family, labels in (*tallies.totals, *tallies.histograms):
        assert len(labels) == len(names[family])
    assert {family for family, _ in tallies.totals} == {one.name for one in COUNTERS}


def test_seeing_a_namespace_again_keeps_its_counts() -> None:
    tallies = Tallies()
    tallies.add(BASELINE, Difference([Paused(1)]))
    tallies.see_namespace("crawlers")
    assert tallies.totals[counters.PAUSES, ("crawlers",)] == 1


@pytest.mark.parametrize(
    ("seconds", "bucket"),
    [(0, 0), (60, 0), (60.5, 1), (7 * 86400, BUCKETS.index(7 * 86400)), (1e9, len(BUCKETS))],
)
def test_an_observation_falls_into_the_first_bucket_that_holds_it(
    seconds: float, bucket: int
) -> None:
    tallies = Tallies()
    tallies.add(BASELINE, Difference([Started(1, seconds)]))
    histogram = tallies.histograms[counters.WAIT, ("crawlers",)]
    assert histogram.counts.index(1) == bucket
    assert histogram.sum == seconds


def test_buckets_reach_from_a_minute_to_weeks() -> None:
    assert BUCKETS[0] == 60
    assert BUCKETS[-1] == 28 * 86400
    assert list(BUCKETS) == sorted(set(BUCKETS))


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        ("complete", "complete"),
        ("stopped_by_user", "stopped"),
        ("failed_not_logged_in", "failed"),
        ("canceled", "canceled"),
        ("skipped_time_quota_reached", "skipped"),
        ("abducted", "other"),
    ],
)
def test_outcomes_are_coarser_than_states(state: str, kind: str) -> None:
    assert outcome(state) == kind
