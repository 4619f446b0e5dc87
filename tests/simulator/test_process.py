"""The simulator as a process of its own."""

import asyncio
import json
import signal
import sys
from pathlib import Path

import aiohttp
import pytest

from support.api_client import Client
from support.fake_hook import fake_hook
from support.waiting import until

pytestmark = pytest.mark.slow("each simulator is a process")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_prints_where_it_listens_and_ends_at_a_signal(
    number: signal.Signals, tmp_path: Path
) -> None:
    kubeconfig = tmp_path / "config"
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "exporter.simulator", "--static", "--crawls", "7", "--token", "secret"),
        *("--kubeconfig", str(kubeconfig)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    url = (await process.stdout.readline()).decode().strip()
    config = json.loads(kubeconfig.read_text())
    assert config["clusters"][0]["cluster"]["server"] == url
    async with aiohttp.ClientSession() as session:
        client = Client(session, url)
        assert (await client.list())[0] == 403  # nobody in particular
        client.token = "wrong"  # noqa: S105 - a test's
        assert (await client.list())[0] == 401
        client.token = config["users"][0]["user"]["token"]
        _, answer = await client.list()
        assert len(answer["items"]) == 7
        async with client.watch(resourceVersion=answer["metadata"]["resourceVersion"]) as watch:
            process.send_signal(number)
            assert await watch.line() == b""
    _, errors = await process.communicate()
    assert (process.returncode, errors) == (0, b"")


async def test_its_crawls_change() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "exporter.simulator", "--speed", "2000", "--crawls", "3", "--seed", "4"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    url = (await process.stdout.readline()).decode().strip()
    async with aiohttp.ClientSession() as session:
        async with Client(session, url).watch(resourceVersion=1) as watch:
            kinds = {(await watch.event())[0] for _ in range(20)}
        assert kinds >= {"ADDED", "MODIFIED"}
    process.terminate()
    assert await process.wait() == 0


async def test_its_apis_can_be_absent_denied_or_down() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "exporter.simulator", "--static", "--crawls", "2"),
        *("--without", "persistentvolumeclaims", "--denied", "collindexes"),
        *("--down", "metrics.k8s.io"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    url = (await process.stdout.readline()).decode().strip()
    async with aiohttp.ClientSession() as session:
        client = Client(session, url)
        answers = {
            path: (await client.ask("GET", path))[0]
            for path in (
                "/api/v1/namespaces/crawlers/pods",
                "/api/v1/namespaces/crawlers/persistentvolumeclaims",
                "/apis/btrix.cloud/v1/namespaces/crawlers/collindexes",
                "/apis/metrics.k8s.io/v1beta1/namespaces/crawlers/pods",
            )
        }
    assert list(answers.values()) == [200, 404, 403, 503]
    process.terminate()
    assert await process.wait() == 0


async def test_browsertrixs_own_api_is_in_the_second_line(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("its password\n")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "exporter.simulator", "--static", "--crawls", "7", "--token", "secret"),
        *("--browsertrix-port", "0", "--browsertrix-password-file", str(password)),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    cluster, api = [(await process.stdout.readline()).decode().strip() for _ in "12"]
    assert cluster != api
    form = {"username": "admin@fake-person.invalid", "password": "its password"}
    async with aiohttp.ClientSession() as session:
        async with session.post(f"{api}/api/auth/jwt/login", data=form) as response:
            token = (await response.json())["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        async with session.get(f"{api}/api/orgs/all/crawls", headers=headers) as response:
            crawls = await response.json()
        client = Client(session, cluster)
        client.token = "secret"  # noqa: S105 - a test's
        _, answer = await client.list()
    assert {crawl["id"] for crawl in crawls["items"]} == {
        crawljob["spec"]["id"] for crawljob in answer["items"]
    }
    process.terminate()
    assert await process.wait() == 0


async def test_browsertrixs_own_api_tells_the_pause_limit_in_minutes() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "exporter.simulator", "--speed", "2000", "--crawls", "3", "--seed", "4"),
        *("--browsertrix-port", "0", "--pause-limit", "300"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    _, api = [(await process.stdout.readline()).decode().strip() for _ in "12"]
    async with aiohttp.ClientSession() as session, session.get(f"{api}/api/settings") as response:
        assert (await response.json())["pausedExpiryMinutes"] == 5
    process.terminate()
    assert await process.wait() == 0


async def test_it_plays_metacontroller_where_it_is_given_a_hook() -> None:
    async with fake_hook() as hook:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "exporter.simulator", "--static", "--crawls", "3"),
            *("--metacontroller-hook-url", hook.url, "--metacontroller-finalize"),
            *("--metacontroller-resync-period", "0.1"),
            stdout=asyncio.subprocess.PIPE,
        )
        await until(lambda: len({one["object"]["metadata"]["uid"] for one in hook.of()}) == 4)
        await until(lambda: len(hook.of()) > 12)
        process.terminate()
        await process.communicate()

    finalizer = "metacontroller.io/decoratorcontroller-browsertrix-exporter"
    told = [one["object"] for one in hook.of()]
    held = [one["metadata"].get("finalizers", []) for one in told if one["kind"] == "CrawlJob"]
    assert all(finalizer in finalizers for finalizers in held)
    assert {one["kind"] for one in told} == {"CrawlJob", "Service"}
    assert process.returncode == 0
