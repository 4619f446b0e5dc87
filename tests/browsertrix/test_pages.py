"""Lists that come in pages, and change meanwhile."""

from typing import Any

import aiohttp
import pytest

from exporter.browsertrix.api import MOST_PAGES, PAGE_SIZE
from exporter.browsertrix.problems import Problems
from exporter.browsertrix.sources import JobSource
from exporter.resources.browsertrix import Organisation, organisation
from exporter.runtime.http_errors import RequestError
from support.asker import Asker, Connect
from support.browsertrix_server import BrowsertrixServer, answer, refused
from support.browsertrix_server import organisation as org

ORGS = "/api/orgs"


async def listed(asker: Asker, problems: Problems | None = None) -> dict[str, Organisation]:
    read = (problems or Problems("orgs")).reader(Organisation.parse, organisation.READER.fields)
    return await asker.api.list("orgs", "/orgs", read)


async def test_an_empty_list_is_one_request(server: BrowsertrixServer, connect: Connect) -> None:
    assert await listed(connect()) == {}
    assert server.counts[ORGS] == 1


@pytest.mark.parametrize(("count", "pages"), [(1, 1), (100, 1), (101, 2), (250, 3)])
async def test_all_pages_are_read(
    server: BrowsertrixServer, connect: Connect, count: int, pages: int
) -> None:
    server.orgs = [org(number) for number in range(count)]

    found = await listed(connect())

    assert sorted(found) == sorted(one["id"] for one in server.orgs)
    assert server.counts[ORGS] == pages


async def test_ten_thousand_organisations(server: BrowsertrixServer, connect: Connect) -> None:
    server.orgs = [org(number, users={}) for number in range(10_000)]

    found = await listed(connect())

    assert len(found) == 10_000
    assert found["org-9999"].bytes_stored == 9999
    assert server.counts[ORGS] == 10_000 // PAGE_SIZE


async def test_a_token_that_ends_between_two_pages_costs_no_page(
    server: BrowsertrixServer, connect: Connect
) -> None:
    server.orgs = [org(number) for number in range(350)]
    server.on_page = lambda page: server.tokens.clear() if page == 2 else None
    asker = connect()

    found = await listed(asker)

    assert len(found) == 350
    assert server.logins == 2
    assert asker.http.stats.failures == {("orgs", "unauthorized"): 1}


async def test_what_is_renamed_between_two_pages_is_found_all_the_same(
    server: BrowsertrixServer, connect: Connect
) -> None:
    server.orgs = [org(number, name=f"{number:04}") for number in range(150)]

    def rename(page: int) -> None:
        if page == 2:
            server.orgs[120]["name"] = "0000 first"  # before what was read: 99 is doubled

    server.on_page = rename
    found = await listed(connect())

    assert len(found) == 150
    assert server.counts[ORGS] == 4, "read again, once"


async def test_what_is_created_and_deleted_between_two_pages_is_no_trouble(
    server: BrowsertrixServer, connect: Connect
) -> None:
    server.orgs = [org(number, name=f"{number:04}") for number in range(210)]

    def change(page: int) -> None:
        if page == 2 and len(server.orgs) == 210:
            del server.orgs[:5]  # so that five are on the page that was read
        if page == 3 and len(server.orgs) == 205:
            server.orgs.append(org(900, name="9"))

    server.on_page = change
    found = await listed(connect())

    assert set(found) == {one["id"] for one in server.orgs}


async def test_the_same_page_again_and_again_comes_to_an_end(
    server: BrowsertrixServer, connect: Connect
) -> None:
    page = {"items": [org(1), org(1), org(2)], "total": 10**9}
    server.always[ORGS] = answer(lambda: aiohttp.web.json_response(page))

    assert set(await listed(connect())) == {"org-1", "org-2"}
    assert server.counts[ORGS] == 4, "twice the first page and one without anything new"


async def test_a_list_without_end_is_given_up(
    server: BrowsertrixServer, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.browsertrix.api.MOST_PAGES", 7)
    numbers = iter(range(10**9))

    def page() -> aiohttp.web.Response:
        return aiohttp.web.json_response({"items": [org(next(numbers))], "total": 10**9})

    server.always[ORGS] = answer(page)

    with pytest.raises(RequestError, match="more than 7 pages") as caught:
        await listed(connect())
    assert caught.value.reason == "too_large"
    assert MOST_PAGES * PAGE_SIZE == 100_000


@pytest.mark.parametrize(
    "content",
    [[], {}, {"items": {}, "total": 1}, {"items": [], "total": "1"}, {"items": None}, "x", None],
)
async def test_what_is_no_page_is_a_failure(
    server: BrowsertrixServer, connect: Connect, content: Any
) -> None:
    server.always[ORGS] = answer(lambda: aiohttp.web.json_response(content))

    with pytest.raises(RequestError) as caught:
        await listed(connect())
    assert caught.value.reason == "not_json"


async def test_a_page_that_fails_fails_the_list(
    server: BrowsertrixServer, connect: Connect
) -> None:
    server.orgs = [org(number) for number in range(250)]
    asker = connect()
    server.on_page = lambda page: server.faults.update(
        {ORGS: [answer(lambda: refused(500, "x"))] if page == 2 else []}
    )

    with pytest.raises(RequestError):
        await listed(asker)


async def test_odd_items_cost_themselves_and_are_counted_once(
    server: BrowsertrixServer, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    server.orgs = [org(1, bytesStored="much"), org(2), {"name": "no id"}, org(3, id=7)]
    problems, asker = Problems("orgs"), connect()

    for _ in range(3):
        found = await listed(asker, problems)

    assert set(found) == {"org-1", "org-2"}
    assert found["org-1"].bytes_stored is None
    assert problems.kinds["bytesStored"] == 1
    assert problems.kinds["name"] == 0
    assert problems.invalid == 6
    assert len([m for m in caplog.messages if "left out" in m or "cannot be read" in m]) == 2


@pytest.mark.parametrize(
    "name", ['"\\ud800"', "1" * 5000, "[" * 500 + "]" * 500, '"\xff"', "NaN", "-Infinity"]
)
async def test_odd_json_costs_its_field(
    server: BrowsertrixServer, connect: Connect, name: str
) -> None:
    text = f'{{"items": [{{"id": "org-1", "name": {name}, "bytesStored": 7}}], "total": 1}}'
    server.always[ORGS] = answer(
        lambda: aiohttp.web.Response(body=text.encode("latin-1"), content_type="application/json")
    )

    found = await listed(connect())

    assert found["org-1"].bytes_stored == 7


# -- background jobs


def _job(number: int, **fields: Any) -> dict[str, Any]:
    return {"id": f"job-{number}", "type": "create-replica", "oid": "org-1"} | fields


async def test_jobs_that_succeeded_are_not_read_on(
    server: BrowsertrixServer, connect: Connect
) -> None:
    server.jobs = [_job(number, success=True) for number in range(2500)]
    server.jobs += [_job(9000, success=False), _job(9001), _job(9002, success=None)]

    found = await JobSource(connect().api, 60.0, ()).ask()

    assert set(found) == {"job-9000", "job-9001", "job-9002"}
    assert server.counts["/api/orgs/all/jobs"] == 1


async def test_jobs_in_another_order_are_read_to_the_end(
    server: BrowsertrixServer, connect: Connect
) -> None:
    jobs = [_job(number, success=number % 3 != 0) for number in range(2500)]
    sizes = []

    async def unsorted(request: aiohttp.web.Request) -> aiohttp.web.StreamResponse:
        page, size = int(request.query["page"]), int(request.query["pageSize"])
        sizes.append(size)
        items = jobs[(page - 1) * size : page * size]
        return aiohttp.web.json_response({"items": items, "total": len(jobs)})

    server.always["/api/orgs/all/jobs"] = unsorted
    found = await JobSource(connect().api, 60.0, ()).ask()

    assert len(found) == 834
    assert sizes == [1000] * 3


async def test_too_many_jobs_are_left_out_and_that_is_said_once(
    server: BrowsertrixServer,
    connect: Connect,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("exporter.browsertrix.sources.MOST_JOBS", 1500)
    server.jobs = [_job(number, success=False) for number in range(5000)]
    source = JobSource(connect().api, 60.0, ())

    for _ in range(2):
        assert len(await source.ask()) == 2000

    assert [m for m in caplog.messages if "left out" in m] == [
        "too many background jobs run or have failed: the rest is left out"
    ]
