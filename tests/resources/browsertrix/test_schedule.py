"""When a schedule runs, as Kubernetes reads it: robfig/cron's rules, in UTC."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.resources.browsertrix import Workflow
from exporter.resources.browsertrix.schedule import read_schedule
from support.browsertrix_items import workflow_item

WEDNESDAY = datetime(2026, 1, 14, 12, 0, 0, tzinfo=UTC).timestamp()


def times(text: str, at: float = WEDNESDAY) -> tuple[str, str]:
    """When it should have run last, and runs next."""
    schedule = read_schedule(text)
    assert schedule is not None
    last, following = schedule.last(at), schedule.next(at)
    assert last is not None
    assert following is not None
    return written(last), written(following)


def written(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%a %Y-%m-%d %H:%M")


@pytest.mark.parametrize(
    ("text", "last", "following"),
    [
        ("0 0 * * *", "Wed 2026-01-14 00:00", "Thu 2026-01-15 00:00"),
        ("  30 6 * * 1 ", "Mon 2026-01-12 06:30", "Mon 2026-01-19 06:30"),
        ("0 0 * * SUN", "Sun 2026-01-11 00:00", "Sun 2026-01-18 00:00"),
        ("0 0 1 jan,Feb *", "Thu 2026-01-01 00:00", "Sun 2026-02-01 00:00"),
        ("*/20 * * * *", "Wed 2026-01-14 12:00", "Wed 2026-01-14 12:20"),
        ("5/15 * * * *", "Wed 2026-01-14 11:50", "Wed 2026-01-14 12:05"),
        ("5-5/15 * * * *", "Wed 2026-01-14 11:05", "Wed 2026-01-14 12:05"),
        ("0 0 ? * MON-FRI", "Wed 2026-01-14 00:00", "Thu 2026-01-15 00:00"),
        ("0 0 29 2 *", "Thu 2024-02-29 00:00", "Tue 2028-02-29 00:00"),
        ("0 0 1/2 * *", "Tue 2026-01-13 00:00", "Thu 2026-01-15 00:00"),
        ("0 0 * * 1/2", "Wed 2026-01-14 00:00", "Fri 2026-01-16 00:00"),  # up to Saturday
        ("0 0 * * */3", "Wed 2026-01-14 00:00", "Sat 2026-01-17 00:00"),
        # Either the day of the month or that of the week is enough where neither has a star:
        ("0 0 1 * 5", "Fri 2026-01-09 00:00", "Fri 2026-01-16 00:00"),
        ("0 0 */10 * 1", "Mon 2026-01-12 00:00", "Mon 2026-01-19 00:00"),
        # Both must match where one has a star, wherever in its list:
        ("0 0 1,* * 5", "Fri 2026-01-09 00:00", "Fri 2026-01-16 00:00"),
        ("0 0 10 * *", "Sat 2026-01-10 00:00", "Tue 2026-02-10 00:00"),
        ("@yearly", "Thu 2026-01-01 00:00", "Fri 2027-01-01 00:00"),
        ("@annually", "Thu 2026-01-01 00:00", "Fri 2027-01-01 00:00"),
        ("@monthly", "Thu 2026-01-01 00:00", "Sun 2026-02-01 00:00"),
        ("@weekly", "Sun 2026-01-11 00:00", "Sun 2026-01-18 00:00"),
        ("@daily", "Wed 2026-01-14 00:00", "Thu 2026-01-15 00:00"),
        ("@midnight", "Wed 2026-01-14 00:00", "Thu 2026-01-15 00:00"),
        ("@hourly", "Wed 2026-01-14 12:00", "Wed 2026-01-14 13:00"),
    ],
)
def test_it_runs_when_kubernetes_runs_it(text: str, last: str, following: str) -> None:
    assert times(text) == (last, following)


def test_the_moment_itself_has_run_and_the_one_before_has_not() -> None:
    midnight = datetime(2026, 1, 14, tzinfo=UTC).timestamp()
    assert times("@daily", midnight)[0] == "Wed 2026-01-14 00:00"
    assert times("@daily", midnight - 0.001) == ("Tue 2026-01-13 00:00", "Wed 2026-01-14 00:00")


@pytest.mark.parametrize(
    "text",
    [
        "0 0 * * 7",
        "0 0 * * 5-7",
        "0 0 0 * * *",
        "0 0 * *",
        "60 * * * *",
        "0 24 * * *",
        "0 0 0 * *",
        "0 0 32 * *",
        "0 0 * 13 *",
        "0 0 31 2 *",
        "0 0 L * *",
        "0 0 * * 1#2",
        "0 0 * * FRI-MON",
        "*/0 * * * *",
        "-1 * * * *",
        ", * * * *",
        "TZ=Europe/Berlin 0 0 * * *",
        "@never",
        "@every",
        "every day",
    ],
)
def test_what_kubernetes_refuses_costs_the_schedule_alone(text: str) -> None:
    workflow, problems = Workflow.parse(workflow_item(schedule=text))
    assert workflow.schedule is None
    assert [problem.field for problem in problems] == ["schedule"]
    assert text not in problems[0].reason
    assert workflow.name == "News daily"


@pytest.mark.parametrize("text", ["", " ", None])
def test_no_schedule_is_no_problem(text: str | None) -> None:
    workflow, problems = Workflow.parse(workflow_item(schedule=text))
    assert (workflow.schedule, problems) == (None, ())
    assert workflow.runs_next(WEDNESDAY) is None


def test_an_interval_is_a_schedule_whose_times_nobody_knows() -> None:
    workflow, problems = Workflow.parse(workflow_item(schedule="@every 1h30m"))
    assert problems == ()
    assert workflow.schedule is not None
    assert (workflow.scheduled_last(WEDNESDAY), workflow.runs_next(WEDNESDAY)) == (None, None)


def test_a_run_from_before_the_workflow_was_changed_was_not_expected() -> None:
    changed = workflow_item(schedule="@weekly", modified="2026-01-12T00:00:00Z")
    workflow, _ = Workflow.parse(changed)
    assert workflow.scheduled_last(WEDNESDAY) is None
    assert workflow.scheduled_last(WEDNESDAY + 7 * 86400) == WEDNESDAY + 3.5 * 86400


_NUMBERS = st.integers(0, 70).map(str)
_ITEMS = st.tuples(
    st.sampled_from(["*", "?"]) | _NUMBERS | st.tuples(_NUMBERS, _NUMBERS).map("-".join),
    st.just("") | _NUMBERS.map("/{}".format),
).map("".join)
_FIELDS = st.lists(_ITEMS, min_size=1, max_size=2).map(",".join)


@given(st.lists(_FIELDS, min_size=5, max_size=5).map(" ".join) | st.text(max_size=30))
def test_any_text_is_a_schedule_around_now_or_refused(text: str) -> None:
    try:
        schedule = read_schedule(text)
    except ValueError:
        return
    if schedule is not None and (last := schedule.last(WEDNESDAY)) is not None:
        following = schedule.next(WEDNESDAY)
        assert following is not None
        assert last <= WEDNESDAY < following
        assert schedule.next(last) == following
        assert schedule.last(following) == following
