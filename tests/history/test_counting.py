"""What events add to counters and histograms, with which labels, and what is there at 0."""

import pytest

from exporter.history import tallies
from exporter.history.baseline import Baseline
from exporter.history.comparison import Difference
from exporter.history.events import (
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
)
from exporter.history.tallies import BUCKETS, COUNTERS, HISTOGRAMS, Tallies
from exporter.resources.crawljob.states import ENDED, KNOWN_STATES

FACTS = Baseline("uid", "crawlers", "org", "crawl", "job")


def counted(*events: CrawlEvent) -> dict[tuple[str, tuple[str, ...]], float]:
    """Everything that is not 0, counters and the numbers of observations alike."""
    book = Tallies()
    book.add(FACTS, Difference(list(events)))
    observed = {key: sum(one.counts) for key, one in book.histograms.items()}
    return {key: value for key, value in (book.totals | observed).items() if value}


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (
            StateEntered(1, "paused", "running"),
            {(tallies.STATES_ENTERED, ("crawlers", "paused")): 1},
        ),
        (
            PodExited(1, "p", "crawler", "interrupt: 11", 11),
            {(tallies.POD_EXITS, ("crawlers", "crawler", "interrupt")): 1},
        ),
        (PodEvicted(1, "p", "redis"), {(tallies.POD_EVICTIONS, ("crawlers", "redis")): 1}),
        (OomKilled(1, "p", "crawler"), {(tallies.POD_OOM_KILLS, ("crawlers", "crawler")): 1}),
        (RestartDue(1, "", "forced"), {(tallies.POD_RESTARTS, ("crawlers", "forced")): 1}),
        (Paused(1), {(tallies.PAUSES, ("crawlers",)): 1}),
        (
            Resumed(1, 60),
            {(tallies.RESUMES, ("crawlers",)): 1, (tallies.PAUSE_LENGTH, ("crawlers",)): 1},
        ),
        (Resumed(1, None), {(tallies.RESUMES, ("crawlers",)): 1}),
        (Started(1, 60), {(tallies.WAIT, ("crawlers",)): 1}),
        (Started(1, None), {}),
        (
            Finished(1, "complete", "size-limit", 60, None),
            {
                (tallies.FINISHED, ("crawlers", "complete", "size-limit")): 1,
                (tallies.DURATION, ("crawlers", "complete")): 1,
            },
        ),
        (
            Finished(1, "stopped_pause_expired", "stopped_pause_expired", None, 60),
            {
                (
                    tallies.FINISHED,
                    ("crawlers", "stopped_pause_expired", "stopped_pause_expired"),
                ): 1,
                (tallies.PAUSE_LENGTH, ("crawlers",)): 1,
            },
        ),
        (Vanished(1, "size-limit"), {(tallies.VANISHED, ("crawlers",)): 1}),
        (Canceled(1), {}),
        (PauseExpired(1), {}),
        (Scaled(1, "scale", 1, 2), {}),
    ],
)
def test_each_happening_is_counted(
    event: CrawlEvent, expected: dict[tuple[str, tuple[str, ...]], float]
) -> None:
    assert counted(event) == expected


def test_what_was_consumed_is_counted_by_organisation_and_role() -> None:
    book = Tallies()
    for _ in range(2):
        book.add(FACTS, Difference(exec_seconds=60, pages=3, size=1000))
    who = ("crawlers", "org", "job")
    assert book.totals[tallies.EXEC_SECONDS, who] == 120
    assert book.totals[tallies.PAGES, who] == 6
    assert book.totals[tallies.BYTES, who] == 2000


@pytest.mark.parametrize("word", ["interrupt me", "x" * 65, "", "über", "a@b.example", "0"])
def test_what_is_no_word_is_counted_as_other(word: str) -> None:
    assert counted(StateEntered(1, word, "")) == {
        (tallies.STATES_ENTERED, ("crawlers", "other")): 1
    }


def test_a_newer_releases_word_is_counted_as_it_is() -> None:
    events = [Finished(1, "abducted", "by-aliens_2", 60, None)]
    assert counted(*events) == {
        (tallies.FINISHED, ("crawlers", "abducted", "by-aliens_2")): 1,
        (tallies.DURATION, ("crawlers", "other")): 1,
    }


def test_known_combinations_are_there_at_0_as_soon_as_the_namespace_is() -> None:
    book = Tallies()
    book.see_namespace("crawlers")
    assert set(book.totals.values()) == {0.0}
    for state in KNOWN_STATES:
        assert (tallies.STATES_ENTERED, ("crawlers", state)) in book.totals
    assert {labels[1] for family, labels in book.totals if family == tallies.FINISHED} == ENDED
    for reason in ("", "size-limit", "time-limit", "paused"):
        assert (tallies.FINISHED, ("crawlers", "complete", reason)) in book.totals
    for reason in ("done", "oom", "interrupt", "evicted"):
        assert (tallies.POD_EXITS, ("crawlers", "crawler", reason)) in book.totals
    assert {family for family, _ in book.histograms} == set(HISTOGRAMS)


def test_every_key_has_a_value_for_each_label_of_its_family() -> None:
    book = Tallies()
    book.add(FACTS, Difference(exec_seconds=1, pages=1, size=1))
    for family, labels in book.totals:
        assert len(labels) == len(COUNTERS[family])
    for family, labels in book.histograms:
        assert len(labels) == len(HISTOGRAMS[family])
    assert {family for family, _ in book.totals} == set(COUNTERS)


def test_seeing_a_namespace_again_keeps_its_counts() -> None:
    book = Tallies()
    book.add(FACTS, Difference([Paused(1)]))
    book.see_namespace("crawlers")
    assert book.totals[tallies.PAUSES, ("crawlers",)] == 1


@pytest.mark.parametrize(
    ("seconds", "bucket"),
    [(0, 0), (60, 0), (60.5, 1), (7 * 86400, BUCKETS.index(7 * 86400)), (1e9, len(BUCKETS))],
)
def test_an_observation_falls_into_the_first_bucket_that_holds_it(
    seconds: float, bucket: int
) -> None:
    book = Tallies()
    book.add(FACTS, Difference([Started(1, seconds)]))
    histogram = book.histograms[tallies.WAIT, ("crawlers",)]
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
    assert tallies.outcome(state) == kind
