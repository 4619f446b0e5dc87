"""The whole client against a whole Browsertrix."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from exporter.browsertrix import SOURCE_NAMES, BrowsertrixClient, ClientSettings, Login
from exporter.browsertrix.session import LoginRefusedError
from exporter.browsertrix.sources import (
    OrganisationCountsSource,
    OrganisationSource,
    WorkflowSource,
)
from exporter.part_settings import browsertrix_settings
from exporter.runtime.http_errors import RequestError
from exporter.runtime.tasks import SupervisedTasks
from exporter.settings import Settings
from support.asker import Connect
from support.browsertrix_server import (
    PASSWORD,
    PRIVATE,
    USERNAME,
    BrowsertrixServer,
    answer,
    organisation,
)
from support.waiting import until

SECRETS = (*PRIVATE, USERNAME, PASSWORD)


class Handler:
    """Holds what it was told last."""

    def __init__(self) -> None:
        self.items: Mapping[str, Any] | None = None

    def on_polled(self, items: Mapping[str, Any], at: float, /) -> None:  # noqa: ARG002
        self.items = items

    def on_unknown(self) -> None:
        self.items = None


@asynccontextmanager
async def polling(
    server: BrowsertrixServer, file: Path, **options: Any
) -> AsyncIterator[tuple[BrowsertrixClient, dict[str, Handler]]]:
    handlers = {name: Handler() for name in SOURCE_NAMES}
    settings = ClientSettings(
        url=server.url, login=Login(file=file, username=USERNAME), interval=0.1, **options
    )
    client = BrowsertrixClient(settings, {name: [one] for name, one in handlers.items()})
    tasks = SupervisedTasks()
    client.start(tasks)
    try:
        yield client, handlers
    finally:
        await tasks.cancel()
        await client.close()


@pytest.fixture
def password(tmp_path: Path) -> Path:
    file = tmp_path / "password"
    file.write_text(PASSWORD)
    return file


def workflow(number: int) -> dict[str, Any]:
    name, email, note, _ = PRIVATE
    return {
        "id": f"cid-{number}",
        "oid": "org-1",
        "name": f"Daily {number}",
        "description": note,
        "createdByName": name,
        "modifiedByName": email,
        "lastStartedByName": name,
    }


async def test_all_that_is_polled_is_handed_on_by_its_source(
    server: BrowsertrixServer, password: Path, logged: Callable[[], str]
) -> None:
    server.orgs = [organisation(1), organisation(2, bytesStored=PRIVATE[0])]
    server.workflows = {"org-1": [workflow(number) for number in range(120)]}
    server.jobs = [{"id": "job-1", "type": "create-replica", "oid": "org-1", "success": False}]

    async with polling(server, password) as (client, handlers):
        await until(
            lambda: all(handlers[name].items for name in SOURCE_NAMES if "count" not in name)
        )

        assert handlers["orgs"].items is not None
        assert handlers["orgs"].items.keys() == {"org-1", "org-2"}
        assert handlers["workflows"].items is not None
        assert len(handlers["workflows"].items) == 120
        assert handlers["jobs"].items is not None
        assert handlers["jobs"].items["job-1"].state == "failed"
        assert handlers["settings"].items is not None
        assert handlers["settings"].items["settings"].pause_limit == 604800.0
        assert [source.source for source in client.sources] == list(SOURCE_NAMES)
        held = repr([source.items for source in client.sources])

    assert server.logins == 1
    assert {method for method, path in server.asked if "/auth/jwt/" not in path} == {"GET"}
    for secret in SECRETS:
        assert secret not in held
        assert secret not in logged()


async def test_workflows_can_be_left_alone(server: BrowsertrixServer, password: Path) -> None:
    server.orgs = [organisation(1)]
    async with polling(server, password, workflows=False) as (client, handlers):
        await until(lambda: handlers["jobs"].items is not None and handlers["orgs"].items)
        assert [source.source for source in client.sources] == [
            *("orgs", "org_counts", "jobs", "settings")
        ]
    assert server.counts["/api/orgs/org-1/crawlconfigs"] == 0


async def test_a_wrong_password_is_tried_once_by_all_sources_together(
    server: BrowsertrixServer, password: Path, logged: Callable[[], str]
) -> None:
    password.write_text("wrong-password")
    server.orgs = [organisation(1)]

    async with polling(server, password) as (client, handlers):
        await until(lambda: client.login_refused)
        asked = len(server.asked)
        await until(lambda: all(one.last_error != "not asked yet" for one in client.sources[3:]))
        assert (server.logins, len(server.asked)) == (1, asked)
        assert all(one.items is None for one in handlers.values())

        password.write_text(PASSWORD)
        await until(lambda: handlers["orgs"].items)
        assert server.logins == 2
        assert not client.login_refused

    assert "wrong-password" not in logged()


async def test_fewer_organisations_are_believed_of_a_superadmin_alone(
    server: BrowsertrixServer, connect: Connect
) -> None:
    server.orgs = [organisation(number) for number in range(3)]
    source = OrganisationSource(connect().api, 60.0, ())
    assert len(await source.ask()) == 3

    del server.orgs[0]
    assert len(await source.ask()) == 2
    assert server.counts["/api/users/me"] == 1

    server.is_superuser = False
    with pytest.raises(LoginRefusedError, match="no superadmin any more"):
        await source.ask()


async def test_counts_and_workflows_are_asked_of_each_organisation(
    server: BrowsertrixServer, connect: Connect
) -> None:
    server.orgs = [organisation(1, id="org/1 ?")]
    server.workflows = {"org/1 ?": [workflow(1)]}
    api = connect().api

    counts = await OrganisationCountsSource(api, 60.0, (), list).ask("org/1 ?")
    workflows = await WorkflowSource(api, 60.0, (), list).ask("org/1 ?")

    assert counts["org/1 ?"].page_count == 7
    assert workflows.keys() == {"cid-1"}


# -- the record of a crawl


async def test_organisations_are_known_while_their_list_is(
    server: BrowsertrixServer, password: Path
) -> None:
    """A 404 of a crawl says nothing where nobody knows whether its organisation is there."""
    server.orgs = [organisation(1)]
    async with polling(server, password) as (client, handlers):
        assert not client.lists_organisation("org-1")
        await until(lambda: handlers["orgs"].items)
        assert client.lists_organisation("org-1")
        assert not client.lists_organisation("org-2")
        await server.stop()
        await until(lambda: handlers["orgs"].items is None)
        assert not client.lists_organisation("org-1")


async def test_the_record_of_a_crawl(server: BrowsertrixServer, password: Path) -> None:
    name, email, note, _ = PRIVATE
    server.crawls["manual-1"] = {
        "id": "manual-1",
        "oid": "org-1",
        "state": "complete",
        "finished": "2026-01-02T03:04:05Z",
        "userName": name,
        "userid": email,
        "description": note,
    }
    settings = ClientSettings(
        url=server.url, login=Login(file=password, username=USERNAME), interval=60.0
    )
    client = BrowsertrixClient(settings, {})
    try:
        found = await client.crawl("manual-1")
        assert found is not None
        assert (found.id, found.state, found.finished) == ("manual-1", "complete", 1767323045.0)
        assert not any(secret in repr(found) for secret in SECRETS)
        assert await client.crawl("manual-2") is None

        contents: list[Any] = [[], {"id": "manual-9"}, {"state": "complete"}]
        for content in contents:
            server.faults["/api/orgs/all/crawls/manual-1"] = [_json(content)]
            with pytest.raises(RequestError) as caught:
                await client.crawl("manual-1")
            assert caught.value.reason == "not_json"

        await server.stop()
        with pytest.raises(RequestError):
            await client.crawl("manual-2")
    finally:
        await client.close()


def _json(content: Any) -> Any:
    return answer(lambda: web.json_response(content))


@pytest.mark.parametrize(
    ("flags", "sources"),
    [
        ({}, ["orgs", "org_counts", "workflows", "jobs", "settings"]),
        ({"shard": 0}, ["orgs", "org_counts", "workflows", "jobs", "settings"]),
        ({"shard": 1}, ["orgs", "workflows", "settings"]),
        ({"shard": 1, "browsertrix_names": False}, ["orgs", "settings"]),
        (
            {"shard": 0, "browsertrix_names": False, "browsertrix_workflows": False},
            ["orgs", "org_counts", "jobs", "settings"],
        ),
    ],
    ids=str,
)
async def test_what_is_no_crawls_is_asked_for_by_the_first_shard_alone(
    flags: dict[str, Any], sources: list[str], tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("t")
    total = {"total_shards": 2} if "shard" in flags else {}
    settings = Settings(
        browsertrix_url="http://backend", browsertrix_token_file=token, **flags, **total
    )
    client = BrowsertrixClient(browsertrix_settings(settings), {})
    assert [source.source for source in client.sources] == sources
    await client.close()
