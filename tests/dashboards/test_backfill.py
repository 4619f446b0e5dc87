"""Every question of every dashboard has an answer, from a real Prometheus over simulated lives."""

from collections.abc import Callable
from typing import Any, Final

import pytest

from dashboards.backfill import Prometheus
from dashboards.backfill.prometheus import QuestionError
from dashboards.backfill.questions import (
    Question,
    choices,
    event_questions,
    interpolated,
    panel_questions,
)
from dashboards.backfill.record import INSTANCE, JOB, SCRAPE_EVERY

Dashboard = dict[str, Any]

ALL: Final = dict.fromkeys(("namespace", "oid", "crawl", "job", "instance"), ".*")

pytestmark = pytest.mark.timeout(240)  # the first test waits for the rehearsal


def _answer(prometheus: Prometheus, question: Question, crawl: str) -> list[dict[str, Any]]:
    recording = prometheus.recording
    step = max(SCRAPE_EVERY, question.every)
    span = recording.end - recording.start
    expr = interpolated(question.expr, span, step, ALL | {"crawl": crawl})
    try:
        if question.instant:
            return prometheus.instant(expr)
        return prometheus.over(expr, recording.start, recording.end, step)
    except QuestionError as error:
        pytest.fail(f"{question.where}: {error}\n{expr}")


def test_every_question_is_answered_with_the_labels_that_are_shown(
    dashboard: Dashboard, prometheus: Prometheus, say: Callable[[str], None]
) -> None:
    """Of one crawl alone, not each has everything to show: then another has."""
    recording = prometheus.recording
    one = dashboard["uid"] == "browsertrix-crawl"
    crawls = [recording.star, *reversed(recording.crawls)] if one else [".*"]
    questions = [*panel_questions(dashboard), *event_questions(dashboard)]
    unanswered = []
    for question in questions:
        for crawl in crawls:
            answer = _answer(prometheus, question, crawl)
            if answer:
                break
        else:
            unanswered.append(question.where)
            continue
        came = {label for series in answer for label in series["metric"]}
        assert question.in_table or question.labels <= came, question.where

    say(
        f"{dashboard['title']}: {len(questions) - len(unanswered)} of {len(questions)} "
        "queries of panels and annotations answered"
    )
    assert not unanswered


def test_every_variable_offers_what_there_is(dashboard: Dashboard, prometheus: Prometheus) -> None:
    recording = prometheus.recording
    offered = {}
    for choice in choices(dashboard):
        selector = interpolated(choice.selector, 21600, 60, ALL)
        offered[choice.name] = prometheus.values(
            choice.label, selector, recording.start, recording.end
        )
    expected = {
        "namespace": ["crawlers", "crawlers-eu"],
        "job": [JOB],
        "instance": [INSTANCE],
    }
    for name, values in offered.items():
        assert values == expected.get(name, values)
        assert values, name
    if "crawl" in offered:
        assert recording.star in offered["crawl"]
        assert len(offered["crawl"]) >= 0.9 * len(set(recording.crawls)), "some live under a minute"


@pytest.mark.parametrize(
    ("panel", "least", "most"),
    [
        ("Fleet / Running / A", 5, 20),
        ("Fleet / Malformed / A", 1, 1),
        ("Organisations / Organisations / A", 5, 5),
        ("Exporter / Synced / A", 1, 1),
        ("Exporter / Up for / A", 7 * 3600, 9 * 3600),
        ("Pods / Nearly out of space / A", 0, 0),
    ],
)
def test_figures_are_what_the_lives_were(
    dashboards: dict[str, Dashboard], prometheus: Prometheus, panel: str, least: float, most: float
) -> None:
    (question,) = [
        question
        for one in dashboards.values()
        for question in panel_questions(one)
        if question.where == f"Browsertrix / {panel}"
    ]
    (series,) = _answer(prometheus, question, ".*")
    last = series["value"] if question.instant else series["values"][-1]
    assert least <= float(last[1]) <= most


def test_events_are_counted_once_in_the_bars(
    dashboards: dict[str, Dashboard], prometheus: Prometheus
) -> None:
    """The bars add up to the counter's own growth, whatever the steps are."""
    recording = prometheus.recording
    (question,) = [
        question
        for question in panel_questions(dashboards["browsertrix-pods"])
        if question.where == "Browsertrix / Pods / Exits by reason / A"
    ]
    first = recording.start // 600 * 600 + 600
    expr = interpolated(question.expr, 21600, 600, ALL)
    bars = sum(
        float(value)
        for series in prometheus.over(expr, first + 600, recording.end, 600)
        for _, value in series["values"]
    )
    total = prometheus.over("sum(browsertrix_pod_exits_total)", first, recording.end, 600)
    counted = [float(value) for _, value in total[0]["values"]]
    assert bars == counted[-1] - counted[0] > 20


def test_the_star_shows_what_a_hard_day_brings(
    dashboards: dict[str, Dashboard], prometheus: Prometheus
) -> None:
    found = {}
    for question in event_questions(dashboards["browsertrix-crawl"]):
        answer = _answer(prometheus, question, prometheus.recording.star)
        found[question.where.rpartition("event ")[2]] = len(answer)
    assert found.pop("End") == 0
    assert all(found.values()), found
    assert set(found) == {"Exits", "Evictions", "Restarts", "Pauses"}


def test_a_wrong_question_is_told(prometheus: Prometheus) -> None:
    with pytest.raises(QuestionError, match="parse error"):
        prometheus.instant("max by (")
