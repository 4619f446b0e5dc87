"""Login, refresh, and what is refused: never again before the file changes."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from exporter.browsertrix.http import HTTPClient
from exporter.browsertrix.session import CredentialsError, Login, LoginRefusedError, Session
from exporter.runtime.http_errors import RequestError
from exporter.runtime.http_files import HTTPClientConfigError
from support.asker import Asker, Connect
from support.browsertrix_server import (
    PASSWORD,
    PRIVATE,
    USERNAME,
    BrowsertrixServer,
    answer,
    hang,
    html,
    refused,
)

LOGIN, REFRESH, ME = "/api/auth/jwt/login", "/api/auth/jwt/refresh", "/api/users/me"


async def refusal(asker: Asker) -> str:
    with pytest.raises(LoginRefusedError) as caught:
        await asker.ask()
    return str(caught.value)


async def failure(asker: Asker) -> str:
    with pytest.raises(RequestError) as caught:
        await asker.ask()
    return caught.value.reason


async def test_one_login_serves_all_requests(server: BrowsertrixServer, connect: Connect) -> None:
    asker = connect()

    await asyncio.gather(*(asker.ask() for _ in range(5)))
    await asker.ask()

    assert server.logins == 1
    assert server.counts["/api/orgs/all/jobs"] == 6


async def test_a_wrong_password_is_tried_once(
    server: BrowsertrixServer,
    connect: Connect,
    logged: Callable[[], str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    asker = connect("wrong-password")

    for _ in range(20):
        assert "400" in await refusal(asker)
    await asyncio.gather(*(refusal(asker) for _ in range(5)))

    assert (server.logins, server.passwords_failed) == (1, 1)
    assert asker.session.refused
    assert caplog.messages == ["Browsertrix refuses us, asking for nothing until the file changes"]
    assert "wrong-password" not in logged()
    assert USERNAME not in logged()


async def test_a_changed_file_is_one_more_try(server: BrowsertrixServer, connect: Connect) -> None:
    asker = connect("wrong-password")
    await refusal(asker)

    asker.write("wrong-again")
    for _ in range(5):
        await refusal(asker)
    assert server.logins == 2

    asker.write(PASSWORD)
    await asker.ask()
    assert server.logins == 3
    assert asker.session.refused is None


@pytest.mark.parametrize("status", [400, 401, 403, 422, 429])
async def test_whatever_refuses_a_login_is_final(
    server: BrowsertrixServer, connect: Connect, status: int
) -> None:
    server.always[LOGIN] = answer(lambda: refused(status, "no", **{"Retry-After": "1"}))
    asker = connect()

    for _ in range(3):
        await refusal(asker)

    assert server.logins == 1


async def test_a_login_refused_by_a_page_of_a_proxy_is_final_too(
    server: BrowsertrixServer, connect: Connect
) -> None:
    def page() -> object:
        response = refused(400, "")
        response.content_type = "text/html"
        return response

    server.always[LOGIN] = answer(page)  # type: ignore[arg-type]
    asker = connect()

    assert "text/html instead of JSON" in await refusal(asker)
    await refusal(asker)
    assert server.logins == 1


async def test_who_is_no_superadmin_is_refused(
    server: BrowsertrixServer, connect: Connect, logged: Callable[[], str]
) -> None:
    server.is_superuser = False
    asker = connect()

    for _ in range(3):
        assert "no superadmin" in await refusal(asker)

    assert (server.logins, server.counts["/api/orgs/all/jobs"]) == (1, 0)
    assert not any(one in logged() for one in PRIVATE)


@pytest.mark.parametrize("odd", ["true", 1, None])
async def test_who_may_be_no_superadmin_is_not_believed(
    server: BrowsertrixServer, connect: Connect, odd: object
) -> None:
    server.is_superuser = odd
    asker = connect()

    assert await failure(asker) == "not_json"

    assert server.counts[ME] == 1, "asked again, as of releases whose login does not say it"
    assert asker.session.refused is None


async def test_who_is_no_superadmin_any_more_is_refused_at_the_next_403(
    server: BrowsertrixServer, connect: Connect
) -> None:
    asker = connect()
    await asker.ask()

    server.is_superuser = False
    assert "no superadmin any more" in await refusal(asker)
    asked = len(server.asked)
    await refusal(asker)

    assert len(server.asked) == asked


async def test_a_403_of_a_superadmin_is_a_failure_like_others(
    server: BrowsertrixServer, connect: Connect
) -> None:
    asker = connect()
    server.faults["/api/orgs/all/jobs"] = [answer(lambda: refused(403, "Not Allowed"))]

    assert await failure(asker) == "forbidden"
    await asker.ask()

    assert server.logins == 1


async def test_a_token_that_is_rejected_is_replaced_by_a_login(
    server: BrowsertrixServer, connect: Connect
) -> None:
    asker = connect()
    await asker.ask()
    server.tokens.clear()

    await asyncio.gather(*(asker.ask() for _ in range(3)))

    assert server.logins == 2


async def test_a_token_is_refreshed_before_it_ends(
    server: BrowsertrixServer, connect: Connect
) -> None:
    asker = connect()
    await asker.ask()
    asker.now += 2600.0
    await asker.ask()
    assert server.counts[REFRESH] == 0

    asker.now += 150.0  # of 3600 s three quarters are over
    await asker.ask()
    await asker.ask()

    assert (server.counts[REFRESH], server.logins) == (1, 1)


async def test_a_token_that_has_ended_is_not_tried(
    server: BrowsertrixServer, connect: Connect
) -> None:
    asker = connect()
    await asker.ask()

    asker.now += 3700.0
    await asker.ask()

    assert (server.counts[REFRESH], server.logins) == (0, 2)


async def test_a_token_that_does_not_say_its_end_lasts_as_the_settings_say(
    server: BrowsertrixServer, connect: Connect
) -> None:
    server.settings["jwtTokenLifetime"] = 10
    server.plain_tokens = True
    asker = connect()
    await asker.ask()

    asker.now += 440.0
    await asker.ask()
    assert server.counts[REFRESH] == 0

    asker.now += 20.0
    await asker.ask()
    assert server.counts[REFRESH] == 1


@pytest.mark.parametrize("ahead", [-7200.0, 7200.0])
async def test_the_servers_clock_need_not_be_ours(
    server: BrowsertrixServer, connect: Connect, ahead: float
) -> None:
    server.ahead = ahead
    asker = connect()

    for _ in range(3):
        await asker.ask()

    assert (server.logins, server.counts[REFRESH]) == (1, 0)


async def test_a_refresh_that_is_rejected_is_followed_by_a_login(
    server: BrowsertrixServer, connect: Connect
) -> None:
    asker = connect()
    await asker.ask()
    server.always[REFRESH] = answer(lambda: refused(401, "invalid_credentials"))

    asker.now += 3000.0
    await asker.ask()

    assert server.logins == 2


async def test_a_refresh_that_fails_costs_nothing_while_the_token_lasts(
    server: BrowsertrixServer, connect: Connect
) -> None:
    asker = connect()
    await asker.ask()
    server.always[REFRESH] = answer(lambda: refused(503, "down"))

    asker.now += 2800.0
    await asker.ask()
    await asker.ask()
    assert (server.counts[REFRESH], server.logins) == (1, 1)

    asker.now += 300.0  # a quarter of what was left is over
    await asker.ask()
    assert (server.counts[REFRESH], server.logins) == (2, 1)


async def test_a_password_is_sent_only_to_what_answers_as_browsertrix(
    server: BrowsertrixServer, connect: Connect
) -> None:
    server.always["*"] = html
    asker = connect()

    assert await failure(asker) == "not_json"
    assert await failure(asker) == "not_json"

    assert server.logins == 0


async def test_logins_whose_answers_are_lost_are_spaced(
    server: BrowsertrixServer, connect: Connect
) -> None:
    server.always[LOGIN] = hang
    asker = connect(timeout=0.3)

    for _ in range(5):
        assert await failure(asker) == "timeout"
    assert server.logins == 1

    del server.always[LOGIN]
    asker.now += 30.0
    await asker.ask()
    assert server.logins == 2


async def test_an_unusable_file_sends_nothing_and_is_read_again(
    server: BrowsertrixServer, connect: Connect
) -> None:
    asker = connect()
    asker.write("")
    with pytest.raises(CredentialsError, match="is empty, or holds more than one line"):
        await asker.ask()
    assert server.logins == 0

    asker.write(PASSWORD)
    await asker.ask()
    assert server.logins == 1


async def test_a_missing_file_ends_the_start(tmp_path: Path) -> None:
    with pytest.raises(HTTPClientConfigError, match="No such file"):
        Session(HTTPClient("http://b"), Login(file=tmp_path / "none", username="me"))


# -- a token from a file


async def test_a_token_from_a_file_is_verified_and_never_logged_in_with(
    server: BrowsertrixServer, connect: Connect
) -> None:
    asker = connect(server.new_token(), username=None)

    await asker.ask()
    await asker.ask()

    assert (server.logins, server.counts[ME], server.counts["/api/orgs/all/jobs"]) == (0, 1, 2)


async def test_a_wrong_token_is_tried_once_and_again_when_its_file_changes(
    server: BrowsertrixServer, connect: Connect, logged: Callable[[], str]
) -> None:
    asker = connect("no-token", username=None)

    for _ in range(3):
        assert "the token is wrong or has expired" in await refusal(asker)
    assert len(server.asked) == 1

    asker.write(server.new_token())
    await asker.ask()
    assert asker.session.refused is None
    assert "no-token" not in logged()


async def test_a_token_of_no_superadmin_is_refused(
    server: BrowsertrixServer, connect: Connect
) -> None:
    server.is_superuser = False
    asker = connect(server.new_token(), username=None)

    for _ in range(3):
        assert "no superadmin" in await refusal(asker)

    assert len(server.asked) == 1


async def test_a_token_that_ends_is_refused_until_its_file_changes(
    server: BrowsertrixServer, connect: Connect
) -> None:
    asker = connect(server.new_token(), username=None)
    await asker.ask()

    server.tokens.clear()
    assert "wrong or has expired" in await refusal(asker)
    asker.write(server.new_token())
    await asker.ask()


async def test_a_new_token_is_taken_before_the_old_one_ends(
    server: BrowsertrixServer, connect: Connect
) -> None:
    asker = connect(server.new_token(), username=None)
    await asker.ask()
    server.tokens.clear()
    asker.write(server.new_token())

    await asker.ask()

    assert asker.http.stats.failures.total() == 0
