"""What is odd about objects is logged once and counted once."""

import logging

import pytest

from exporter.cluster.problems import MOST_LOGGED, MOST_PER_OBJECT, Problems
from exporter.resources.crawljob import CrawlJob, parse_value
from exporter.resources.crawljob.resource import CRAWLJOB_RESOURCE
from support.factories import crawljob

KEY = ("crawlers", "crawljob-a")


@pytest.fixture
def problems() -> Problems[CrawlJob]:
    return Problems(CRAWLJOB_RESOURCE)


def bad(**status: object) -> CrawlJob:
    return parse_value(crawljob(crawl="a", status=status))


def test_a_malformed_field_is_counted_and_logged_once_per_object(
    problems: Problems[CrawlJob], caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        problems.report(KEY, bad(pagesDone="secret@example.org"))
    problems.report(("crawlers", "crawljob-b"), bad(pagesDone="x"))
    assert problems.kinds == {"status.pagesDone": 2}
    assert len(caplog.records) == 2
    text = caplog.records[0].getMessage()
    assert text.startswith("CrawlJob crawlers/crawljob-a: status.pagesDone is left out: ")
    assert "secret" not in caplog.text


def test_a_field_is_counted_anew_when_its_object_was_deleted_and_another_comes(
    problems: Problems[CrawlJob],
) -> None:
    problems.report(KEY, bad(pagesDone="x"))
    problems.forget(KEY)
    problems.report(KEY, bad(pagesDone="x"))
    assert problems.kinds == {"status.pagesDone": 2}


def test_an_unknown_value_is_counted_per_object_and_logged_once(
    problems: Problems[CrawlJob], caplog: pytest.LogCaptureFixture
) -> None:
    for name in "ab":
        for _ in range(2):
            problems.report(("crawlers", name), bad(state="hibernating"))
    assert problems.unknown_values == {"status.state": 2}
    assert [record.getMessage() for record in caplog.records] == [
        (
            "CrawlJob crawlers/a: status.state has a word this exporter does not know, "
            "which is served as it is: 'hibernating'"
        )
    ]


def test_a_hostile_object_cannot_fill_the_log_or_the_memory(
    problems: Problems[CrawlJob], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    for number in range(10):
        pods = {f"crawl-{number}-{n}": {"exitCode": "x"} for n in range(50)}
        problems.report(KEY, parse_value(crawljob(crawl="a", pods=pods)))
    assert problems.kinds.total() == MOST_PER_OBJECT
    for number in range(MOST_LOGGED + 100):
        problems.report(("crawlers", str(number)), bad(state=f"state-{number}"))
    assert len(problems._logged) == MOST_LOGGED
    assert problems.unknown_values["status.state"] == MOST_LOGGED + 100


def test_an_invalid_object_is_logged_once(
    problems: Problems[CrawlJob], caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        problems.report_invalid("crawlers", "it has no name")
    assert [record.getMessage() for record in caplog.records] == [
        "CrawlJob in crawlers cannot be read: it has no name"
    ]


def test_a_healthy_object_takes_no_memory(problems: Problems[CrawlJob]) -> None:
    problems.report(KEY, parse_value(crawljob()))
    assert problems._seen == {}
