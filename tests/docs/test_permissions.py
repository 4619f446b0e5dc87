"""docs/permissions.md names every field that is read of Browsertrix's answers, and no other."""

import re
from typing import Any, Final

import pytest

from exporter.resources.browsertrix import (
    background_job,
    crawl_record,
    organisation,
    server_settings,
    workflow,
)
from support.tools import ROOT

PAGE: Final = (ROOT / "docs" / "permissions.md").read_text(encoding="utf-8")
READERS: Final[dict[str, Any]] = {
    "GET /api/orgs": organisation.READER,
    "GET /api/orgs/{oid}/metrics": organisation.COUNTS_READER,
    "GET /api/orgs/{oid}/crawlconfigs": workflow.READER,
    "GET /api/orgs/all/jobs": background_job.READER,
    "GET /api/settings": server_settings.READER,
    "GET /api/orgs/all/crawls/{id}": crawl_record.READER,
}
NOT_IN_THE_ANSWER: Final = {"GET /api/orgs/{oid}/metrics": {"id"}, "GET /api/settings": {"id"}}
"""Fields that whoever asked adds."""


@pytest.mark.parametrize("answer", READERS)
def test_the_page_names_the_fields_that_are_read(answer: str) -> None:
    (fields,) = re.findall(rf"^\| `{re.escape(answer)}` \| ([^|]+) \|", PAGE, re.MULTILINE)

    read = {name.removesuffix(".*") for name in READERS[answer].fields}
    leaves = {name for name in read if not any(other.startswith(f"{name}.") for other in read)}
    assert set(re.findall(r"`([^`]+)`", fields)) == leaves - NOT_IN_THE_ANSWER.get(answer, set())


def test_each_answer_is_of_what_the_page_on_the_api_says_is_asked_for() -> None:
    api = (ROOT / "docs" / "browsertrix-api.md").read_text(encoding="utf-8")

    for answer in READERS:
        assert f"`{answer}`" in api
