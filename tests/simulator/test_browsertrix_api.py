"""Browsertrix's own API over real HTTP, as documented: logins, who sees what, pages, faults."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

import aiohttp
import pytest

from exporter.simulator.browsertrix_api import Accounts, BrowsertrixServer, Database, User
from exporter.simulator.browsertrix_api.crawl_record import past_record
from exporter.simulator.browsertrix_api.organisation import Organisation
from exporter.simulator.browsertrix_api.workflow import Workflow
from support.api_client import NOW

ADMIN: Final = "root@fake-person.invalid"
MEMBER: Final = "member@fake-person.invalid"
PASSWORD: Final = "correct"  # noqa: S105 - of nobody
WRONG: Final = "wrong"
HOUR: Final = 3600.0


class Clock:
    """A time that a test sets."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


class Visitor:
    """Somebody who asks the API."""

    def __init__(self, session: aiohttp.ClientSession, server: BrowsertrixServer) -> None:
        self.server = server
        self.token = ""
        self._session = session

    async def log_in(self, email: str = ADMIN, password: str = PASSWORD) -> tuple[int, Any]:
        form = {"username": email, "password": password}
        url = f"{self.server.url}/api/auth/jwt/login"
        async with self._session.post(url, data=form) as response:
            answer = await response.json()
            self.token = answer.get("access_token", self.token)
            return response.status, answer

    async def ask(self, path: str, method: str = "GET", **query: Any) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        url = f"{self.server.url}/api/{path}"
        async with self._session.request(method, url, params=query, headers=headers) as response:
            return response.status, await response.json()

    async def names(self, **query: Any) -> list[str]:
        _, answer = await self.ask("orgs", **query)
        return [item["name"] for item in answer["items"]]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def database(clock: Clock) -> Database:
    database = Database(clock)
    for name in ("Cedar", "Ash", "Elm", "Birch", "Dogwood"):
        oid = f"org-{name.lower()}"
        database.add_organisation(
            Organisation(id=oid, name=name, slug=name.lower(), created=NOW - 1e6)
        )
    workflow = Workflow(
        id="w1", oid="org-ash", name="", first_seed="https://a.example/", created=0, modified=0
    )
    workflow.add(past_record("org-ash", "w1", started=NOW - 2 * HOUR, lasted=HOUR))
    database.add_workflow(workflow)
    return database


@pytest.fixture
async def server(database: Database, clock: Clock) -> AsyncIterator[BrowsertrixServer]:
    accounts = Accounts(
        User(email=ADMIN, password=PASSWORD),
        User(
            email=MEMBER,
            password=PASSWORD,
            is_superuser=False,
            organisations=frozenset({"org-elm"}),
        ),
        clock=clock,
    )
    async with BrowsertrixServer(database, accounts) as running:
        yield running


@pytest.fixture
async def visitor(server: BrowsertrixServer) -> AsyncIterator[Visitor]:
    async with aiohttp.ClientSession() as session:
        yield Visitor(session, server)


# Logging in


async def test_a_login_gives_a_token_and_says_who_it_is(visitor: Visitor) -> None:
    status, answer = await visitor.log_in()
    assert (status, answer["token_type"]) == (200, "bearer")
    assert answer["user_info"]["is_superuser"] is True
    assert (await visitor.ask("users/me"))[1]["is_superuser"] is True


async def test_a_form_without_a_password_is_refused_and_counts_as_no_try(visitor: Visitor) -> None:
    url = f"{visitor.server.url}/api/auth/jwt/login"
    async with aiohttp.ClientSession() as session:
        for _ in range(6):
            async with session.post(url, json={"username": ADMIN}) as response:
                assert response.status == 422
    assert (await visitor.log_in())[0] == 200


async def test_five_wrong_passwords_are_refused_and_the_sixth_locks_for_an_hour_after_the_last_try(
    visitor: Visitor, clock: Clock
) -> None:
    await visitor.log_in()
    assert [(await visitor.log_in(password=WRONG))[0] for _ in range(5)] == [400] * 5
    status, answer = await visitor.log_in(password=WRONG)
    assert (status, answer["detail"]) == (429, "too_many_login_attempts")
    assert visitor.server.accounts.mails == 1
    clock.now += HOUR - 1
    assert (await visitor.log_in())[0] == 429  # with the right one, and the hour begins anew
    assert visitor.server.accounts.mails == 1
    clock.now += HOUR - 1
    assert (await visitor.log_in())[0] == 429
    clock.now += HOUR
    assert (await visitor.log_in())[0] == 200


async def test_tokens_from_before_a_lock_go_on_working(visitor: Visitor) -> None:
    await visitor.log_in()
    for _ in range(6):
        await visitor.log_in(password=WRONG)
    assert (await visitor.ask("orgs"))[0] == 200
    assert (await visitor.ask("auth/jwt/refresh", "POST"))[0] == 200
    assert (await visitor.log_in(MEMBER))[0] == 200  # another account


async def test_a_login_that_succeeds_forgets_wrong_passwords(visitor: Visitor) -> None:
    for _ in range(4):
        await visitor.log_in(password=WRONG)
    assert (await visitor.log_in())[0] == 200
    assert [(await visitor.log_in(password=WRONG))[0] for _ in range(5)] == [400] * 5


async def test_a_token_lives_an_hour_and_can_be_exchanged_while_it_lives(
    visitor: Visitor, clock: Clock
) -> None:
    await visitor.log_in()
    clock.now += HOUR - 1
    _, answer = await visitor.ask("auth/jwt/refresh", "POST")
    clock.now += 1
    assert (await visitor.ask("orgs"))[0] == 401
    assert (await visitor.ask("auth/jwt/refresh", "POST"))[0] == 401
    visitor.token = answer["access_token"]
    assert (await visitor.ask("orgs"))[0] == 200


# Who sees what


async def test_settings_and_version_are_for_everybody(visitor: Visitor) -> None:
    _, settings = await visitor.ask("settings")
    assert settings["jwtTokenLifetime"] == 60
    assert settings["pausedExpiryMinutes"] == 10_080
    assert "version" not in settings
    _, document = await visitor.ask("openapi.json")
    assert document["info"]["version"] == "1.24.2"
    assert "/api/orgs/all/jobs" in document["paths"]


async def test_without_a_token_nothing_is_there_and_a_bad_one_is_refused(visitor: Visitor) -> None:
    assert (await visitor.ask("orgs"))[0] == 404
    await visitor.log_in()
    for bad in ("nonsense", visitor.token + "x", visitor.token[:-3]):
        visitor.token = bad
        assert (await visitor.ask("orgs"))[0] == 401


async def test_who_is_no_superadmin_sees_own_organisations_only(visitor: Visitor) -> None:
    _, answer = await visitor.log_in(MEMBER)
    assert answer["user_info"]["is_superuser"] is False
    assert await visitor.names() == ["Elm"]
    assert (await visitor.ask("orgs/org-elm"))[0] == 200
    assert (await visitor.ask("orgs/org-ash"))[0] == 404
    assert (await visitor.ask("orgs/org-ash/crawlconfigs"))[0] == 404
    assert (await visitor.ask("orgs/all/jobs"))[0] == 403
    assert (await visitor.ask("orgs/all/crawls"))[0] == 403
    assert (await visitor.ask("orgs/all/crawls/anything"))[0] == 403


# Lists


async def test_organisations_come_by_name_in_pages(visitor: Visitor) -> None:
    await visitor.log_in()
    _, answer = await visitor.ask("orgs")
    assert (answer["total"], answer["page"], answer["pageSize"]) == (5, 1, 1000)
    assert await visitor.names() == ["Ash", "Birch", "Cedar", "Dogwood", "Elm"]
    assert await visitor.names(page=2, pageSize=2) == ["Cedar", "Dogwood"]
    assert await visitor.names(page=3, pageSize=2) == ["Elm"]
    assert await visitor.names(page=4, pageSize=2) == []
    assert len(await visitor.names(pageSize=100_000)) == 5


@pytest.mark.parametrize("query", [{"page": 0}, {"pageSize": 0}, {"page": -1}])
async def test_a_page_that_cannot_be_is_an_error_of_the_server(
    visitor: Visitor, query: dict[str, Any]
) -> None:
    await visitor.log_in()
    assert (await visitor.ask("orgs", **query))[0] == 500


async def test_what_is_no_number_is_refused(visitor: Visitor) -> None:
    await visitor.log_in()
    assert (await visitor.ask("orgs", page="x"))[0] == 422
    assert (await visitor.ask("orgs/all/jobs", success="x"))[0] == 422


async def test_a_crawl_is_known_until_it_is_deleted(visitor: Visitor, database: Database) -> None:
    await visitor.log_in()
    (identity,) = database.crawls
    status, crawl = await visitor.ask(f"orgs/all/crawls/{identity}")
    assert (status, crawl["state"], crawl["finished"]) == (200, "complete", "2025-05-21T11:00:00Z")
    assert (crawl["oid"], crawl["cid"]) == ("org-ash", "w1")
    assert "stopReason" not in crawl
    assert (await visitor.ask("orgs/all/crawls"))[1]["total"] == 0  # those that run
    assert (await visitor.ask("orgs/all/crawls", runningOnly="false"))[1]["total"] == 1
    database.delete_crawl(identity)
    assert (await visitor.ask(f"orgs/all/crawls/{identity}"))[0] == 404
    _, answer = await visitor.ask("orgs/org-ash/crawlconfigs")
    (workflow,) = answer["items"]
    assert (workflow["crawlCount"], workflow["crawlAttemptCount"]) == (0, 1)
    assert workflow["lastCrawlState"] is None


# Faults


async def test_a_token_expires_between_two_pages(visitor: Visitor) -> None:
    await visitor.log_in()
    server = visitor.server
    server.faults.after(1, "orgs", server.accounts.expire_tokens)
    assert (await visitor.ask("orgs", page=1, pageSize=2))[0] == 200
    assert (await visitor.ask("orgs", page=2, pageSize=2))[0] == 401
    await visitor.log_in()
    assert (await visitor.ask("orgs", page=2, pageSize=2))[0] == 200


async def test_the_total_changes_and_a_rename_skips_an_organisation(
    visitor: Visitor, database: Database
) -> None:
    await visitor.log_in()

    def change() -> None:
        database.organisations["org-dogwood"].name = "Aardvark"
        del database.organisations["org-elm"]

    visitor.server.faults.after(1, "orgs", change)
    first = await visitor.names(page=1, pageSize=2)
    _, second = await visitor.ask("orgs", page=2, pageSize=2)
    assert second["total"] == 4
    assert [*first, *(item["name"] for item in second["items"])] == [
        "Ash",
        "Birch",
        "Birch",
        "Cedar",
    ]


async def test_a_proxy_answers_html_and_a_broken_one_garbage(visitor: Visitor) -> None:
    await visitor.log_in()
    faults = visitor.server.faults
    faults.answer_html(code=502, resource="orgs")
    faults.answer_garbage(resource="orgs")
    faults.refuse(429, retry_after=7, resource="jobs")
    url, headers = f"{visitor.server.url}/api/orgs", {"Authorization": f"Bearer {visitor.token}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        async with session.get(url) as response:
            assert (response.status, response.content_type) == (502, "text/html")
        async with session.get(url) as response:
            assert (response.status, response.content_type) == (200, "application/json")
            assert b"garbage" in await response.read()
        async with session.get(f"{url}/all/jobs") as response:
            assert (response.status, response.headers["Retry-After"]) == (429, "7")
    assert (await visitor.ask("orgs"))[0] == 200


async def test_with_its_database_down_requests_hang_until_it_is_back(visitor: Visitor) -> None:
    await visitor.log_in()
    visitor.server.faults.stall("GET")
    asked = asyncio.create_task(visitor.ask("orgs"))
    done, _ = await asyncio.wait({asked}, timeout=0.05)
    assert not done
    visitor.server.faults.release()
    assert (await asked)[0] == 200


async def test_it_can_be_slow(visitor: Visitor) -> None:
    await visitor.log_in()
    visitor.server.faults.slow_down(60, "orgs")
    asked = asyncio.create_task(visitor.ask("orgs"))
    assert (await visitor.ask("settings"))[0] == 200
    assert not asked.done()
    asked.cancel()
    visitor.server.faults.slow_down(0, "orgs")
    assert (await visitor.ask("orgs"))[0] == 200


async def test_it_can_be_down_and_come_back_where_it_was(visitor: Visitor) -> None:
    await visitor.log_in()
    await visitor.server.stop()
    with pytest.raises(aiohttp.ClientConnectorError):
        await visitor.ask("orgs")
    await visitor.server.start()
    assert (await visitor.ask("orgs"))[0] == 200
    assert visitor.server.count("login") == 1
    assert visitor.server.count("orgs") == 1
