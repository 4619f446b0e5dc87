"""What is made of the registry agrees with it: permissions, readiness, the join."""

from typing import Any

import pytest

from exporter.app import Pipeline
from exporter.crawls import CrawlJoin
from exporter.history.ledger import Ledger
from exporter.resources.crawljob.resource import CRAWLJOB_RESOURCE
from exporter.settings import Settings, options_of
from exporter.sources import CRAWLJOBS, INDEXES, SOURCES, Source

OPTIONS = [option.name for option in options_of() if option.name.startswith("source.")]
JOBS_OF_QA = Source(
    name="qa",
    help="CrawlJobs of QA runs.",
    resource=CRAWLJOB_RESOURCE,
    required=False,
    selector="role in (qa-job)",
)


def test_names_are_unique() -> None:
    assert len({source.name for source in SOURCES}) == len(SOURCES)


def test_only_crawljobs_decide_readiness() -> None:
    assert [source.name for source in SOURCES if source.required] == ["crawljobs"]


def test_every_source_has_a_handler_and_those_of_crawls_have_it_in_the_join() -> None:
    pipeline = Pipeline(Settings(), Ledger.open())
    names = {source.name for source in SOURCES}
    assert pipeline.handlers.keys() == names
    assert CrawlJoin().by_source.keys() == names - {INDEXES.name}


def test_every_source_that_is_not_required_can_be_turned_off() -> None:
    switches = {name.removeprefix("source.") for name in OPTIONS if name.count(".") == 1}
    assert switches & {source.name for source in SOURCES} == {
        source.name for source in SOURCES if not source.required
    }


@pytest.mark.parametrize(
    ("source", "selector", "expected"),
    [
        (CRAWLJOBS, "", ""),
        (CRAWLJOBS, "btrix.org=one", "btrix.org=one"),
        (JOBS_OF_QA, "", "role in (qa-job)"),
        (JOBS_OF_QA, "btrix.org=one", "role in (qa-job)"),
    ],
)
def test_the_selector_of_the_command_line_narrows_what_takes_it(
    source: Source[Any], selector: str, expected: str
) -> None:
    assert source.selection(selector) == expected
