"""What each list brings that is new, and what is stale by our clock, whatever theirs says."""

from typing import Any

import pytest

from exporter.cluster.polled_objects import PolledObjects
from exporter.cluster.problems import Problems
from exporter.resources.identity import key_of
from exporter.resources.podmetrics import PODMETRICS_RESOURCE, PodMetrics
from support.change_recorder import PolledRecorder
from support.factories import ABSENT
from support.pod_metrics import container, pod_metrics

STALE_AFTER = 45.0
NOON, ONE = "2025-05-21T12:00:00Z", "2025-05-21T13:00:00Z"


class Lists:
    """Hands lists over, each at a time of a clock that only goes forward."""

    def __init__(self) -> None:
        self.recorder = PolledRecorder[PodMetrics]()
        problems = Problems(PODMETRICS_RESOURCE)
        self.objects = PolledObjects(
            PODMETRICS_RESOURCE, "crawlers", self.recorder, problems, stale_after=STALE_AFTER
        )

    def list(self, now: float, *values: dict[str, Any]) -> list[tuple[str, str]]:
        """What a list hands on: whether it is new, changed or deleted, and its name."""
        before = len(self.recorder.changes)
        items = [PODMETRICS_RESOURCE.reader.parse_value(value) for value in values]
        handed_on = [self.objects.upsert(key_of(item), item, now) for item in items]
        gone = self.objects.keys_except(set(map(key_of, items)))
        handed_on += [self.objects.missing(key, now) for key in gone]
        changes = self.recorder.changes[before:]
        assert sum(handed_on) == len(changes)
        assert list(self.objects.objects) == list(self.recorder.objects.values())
        return [
            (
                "deleted" if change.deleted else "changed" if change.before else "new",
                item.metadata.name,
            )
            for change in changes
            if (item := change.after or change.before)
        ]


@pytest.fixture
def lists() -> Lists:
    return Lists()


def test_what_is_new_is_handed_on_and_what_is_the_same_is_not(lists: Lists) -> None:
    assert lists.list(0, pod_metrics("a"), pod_metrics("b")) == [("new", "a"), ("new", "b")]
    assert lists.list(15, pod_metrics("a"), pod_metrics("b")) == []


def test_another_timestamp_or_another_figure_is_a_change(lists: Lists) -> None:
    lists.list(0, pod_metrics("a"), pod_metrics("b"))
    found = lists.list(
        15, pod_metrics("a", timestamp=ONE), pod_metrics("b", container(memory="5Ki"))
    )
    assert found == [("changed", "a"), ("changed", "b")]
    assert [one.memory for one in lists.objects.objects] == [1024**2, 5 * 1024]


def test_what_is_not_listed_any_more_is_known_as_long_as_its_measurement_counts(
    lists: Lists,
) -> None:
    """metrics-server leaves out for two rounds what a kubelet did not answer once."""
    lists.list(0, pod_metrics("a"), pod_metrics("b"))
    for now in (15, 30, 44.9):
        assert lists.list(now, pod_metrics("b", timestamp=str(now))) != [("deleted", "a")]
    assert ("deleted", "a") in lists.list(45, pod_metrics("b", timestamp=ONE))
    assert lists.recorder.deleted == [("a", False)]
    assert lists.list(60, pod_metrics("a"), pod_metrics("b", timestamp=ONE)) == [("new", "a")]


def test_what_was_left_out_for_a_while_and_not_measured_anew_is_as_old_as_it_is(
    lists: Lists,
) -> None:
    lists.list(0, pod_metrics("a"))
    assert lists.list(15) == []
    assert lists.list(30, pod_metrics("a")) == []
    assert lists.list(45) == [("deleted", "a")]


def test_what_is_measured_anew_after_it_was_left_out_is_a_change(lists: Lists) -> None:
    lists.list(0, pod_metrics("a"))
    assert lists.list(15) == []
    assert lists.list(30, pod_metrics("a", timestamp=ONE)) == [("changed", "a")]
    assert lists.list(60) == []
    assert lists.list(75) == [("deleted", "a")]


def test_a_pod_that_is_listed_twice_is_one_and_what_was_said_last_counts(lists: Lists) -> None:
    twice = [pod_metrics("a", container(memory=memory)) for memory in (5, 7)]
    assert lists.list(0, *twice) == [("new", "a"), ("changed", "a")]
    assert [one.memory for one in lists.objects.objects] == [7]
    assert lists.list(15, pod_metrics("a", container(memory=7))) == []
    assert lists.list(45, *twice) == [("deleted", "a")]


def test_the_same_name_in_two_namespaces_is_two_pods(lists: Lists) -> None:
    assert lists.list(0, pod_metrics("a"), pod_metrics("a", namespace="other")) == [
        ("new", "a"),
        ("new", "a"),
    ]
    assert lists.list(30, pod_metrics("a", namespace="other", timestamp=ONE)) == [("changed", "a")]
    assert lists.list(60, pod_metrics("a", namespace="other", timestamp=ONE)) == [("deleted", "a")]
    assert [one.metadata.namespace for one in lists.objects.objects] == ["other"]


def test_a_timestamp_that_stands_still_is_stale_until_it_moves(lists: Lists) -> None:
    lists.list(0, pod_metrics("a"), pod_metrics("b"))
    for now in (15, 30, 44.9):
        assert lists.list(now, pod_metrics("a"), pod_metrics("b", timestamp=str(now))) != [
            ("deleted", "a")
        ]
    assert ("deleted", "a") in lists.list(45, pod_metrics("a"), pod_metrics("b"))
    assert lists.recorder.deleted == [("a", False)]
    assert lists.list(60, pod_metrics("a"), pod_metrics("b")) == []
    assert [one.metadata.name for one in lists.objects.objects] == ["b"]
    moved = pod_metrics("a", timestamp=ONE)
    assert ("new", "a") in lists.list(75, moved, pod_metrics("b"))
    assert lists.list(90, moved, pod_metrics("b", timestamp=ONE)) == [("changed", "b")]
    assert ("deleted", "a") in lists.list(120, moved, pod_metrics("b", timestamp=ONE))


def test_figures_that_change_do_not_make_a_timestamp_that_stands_still_fresh(lists: Lists) -> None:
    for now, memory in enumerate((0, 15, 30)):
        assert lists.list(now * 15, pod_metrics("a", container(memory=memory))) != []
    assert lists.list(45, pod_metrics("a", container(memory=45))) == [("deleted", "a")]
    assert lists.list(60, pod_metrics("a", container(memory=60))) == []


def test_without_a_timestamp_any_change_makes_it_fresh(lists: Lists) -> None:
    for now in range(0, 90, 15):
        value = pod_metrics("a", container(memory=now), timestamp=ABSENT)
        assert lists.list(now, value) == [("changed" if now else "new", "a")]
    value = pod_metrics("a", container(memory=75), timestamp=ABSENT)
    assert lists.list(105, value) == []
    assert lists.list(120, value) == [("deleted", "a")]


@pytest.mark.parametrize("times", [["1980-01-01T00:00:00Z"], ["2080-01-01T00:00:00Z"], [NOON, ONE]])
def test_the_servers_clock_may_be_years_away(lists: Lists, times: list[str]) -> None:
    moments = [*times, "1999-01-01T00:00:00Z", "2099-01-01T00:00:00Z", "1998-01-01T00:00:00Z"]
    for number, time in enumerate(moments):
        found = lists.list(number * 30, pod_metrics("a", timestamp=time))
        assert found == [("changed" if number else "new", "a")]


def test_a_stale_pod_that_vanishes_was_deleted_already(lists: Lists) -> None:
    lists.list(0, pod_metrics("a"))
    assert lists.list(45, pod_metrics("a")) == [("deleted", "a")]
    assert lists.list(60) == []
    assert lists.list(75, pod_metrics("a")) == [("new", "a")]
