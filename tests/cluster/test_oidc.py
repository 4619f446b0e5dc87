"""Id-tokens of an issuer: which are used, and when they are renewed."""

import base64
import logging
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest
from aiohttp import web
from yarl import URL

from exporter.cluster.credentials import ConfigError, Kubeconfig
from exporter.simulator import ApiServer
from support.certificates import needs_openssl
from support.following import Opened
from support.kubeconfigs import config, write
from support.oidc_issuer import CONFIGURATION, TOKEN, OidcIssuer, jwt
from support.oidc_user import NOW, REFRESH, SECRET, TokenClock, User, complaint, fresh, token
from support.tcp_proxy import TcpProxy

pytestmark = needs_openssl

LIST = "/apis/btrix.cloud/v1/namespaces/crawlers/crawljobs"


# -- which token is used


@pytest.mark.parametrize("name", ["Ann Example", "Zoë Ñandú ÿÿ", "李 小龙", "~~~???>>>"])
async def test_a_valid_token_is_used_whatever_its_base64url_holds(
    user: User, issuer: OidcIssuer, clock: TokenClock, name: str
) -> None:
    valid = jwt(exp=clock.wall + 3600, name=name)
    user.set(id_token=valid)
    assert await token(user.source()) == valid
    assert issuer.asked == []


def test_the_names_above_need_the_urls_alphabet() -> None:
    payload = jwt(name="Zoë Ñandú ÿÿ~~~???>>>").split(".")[1]
    assert "-" in payload
    assert "_" in payload


@pytest.mark.parametrize(
    "old",
    [
        jwt(exp=NOW - 86_400),
        jwt(exp=NOW + 5),  # near
        jwt(),
        jwt(exp="tomorrow"),
        jwt(exp=True),
        jwt(exp=None),
        jwt(exp=10**400),
        "a." + base64.urlsafe_b64encode(b'{"exp": 1e999}').decode() + ".c",
        "a." + base64.urlsafe_b64encode(b"[]").decode() + ".c",
        "a.!.c",
        "a.ä.c",
        "no-jwt",
        "",
        None,
    ],
)
async def test_a_token_that_has_expired_or_cannot_be_read_is_renewed(
    user: User, issuer: OidcIssuer, clock: TokenClock, old: str | None
) -> None:
    assert clock.wall == NOW
    issuer.tokens = [{"id_token": fresh()}]
    user.set(id_token=old)
    assert await token(user.source()) == fresh()
    assert issuer.asked == [CONFIGURATION, TOKEN]


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("old", [jwt(exp=NOW - 1), "no-jwt", None])
async def test_without_a_refresh_token_it_says_to_log_in_again(
    user: User, issuer: OidcIssuer, old: str | None
) -> None:
    user.set(id_token=old, refresh_token=None)
    said = await complaint(user.source())
    assert "the id-token has expired" in said
    assert "no refresh-token: log in again" in said
    assert issuer.asked == []


async def test_without_a_refresh_token_a_token_is_used_to_its_end(
    user: User, clock: TokenClock
) -> None:
    valid = jwt(exp=NOW + 5)
    user.set(id_token=valid, refresh_token=None)
    source = user.source()
    assert await token(source) == valid
    clock.advance(4.9)
    assert not source.stale()
    clock.advance(0.1)
    assert source.stale()
    assert "log in again" in await complaint(source)


async def test_a_token_of_the_kubeconfig_itself_goes_before_the_issuers(
    user: User, issuer: OidcIssuer
) -> None:
    source = user.source()
    user.write(token="static")  # noqa: S106 - of no server
    assert await token(source) == "static"
    write(user.path.parent / "token", "of-the-file")
    user.write(tokenFile="token")
    assert await token(source) == "of-the-file"
    assert issuer.asked == []


# -- when it is renewed


async def test_a_token_is_renewed_a_minute_before_it_expires(
    user: User, issuer: OidcIssuer, clock: TokenClock
) -> None:
    issuer.tokens = [{"id_token": fresh()}]
    user.set(id_token=jwt(exp=NOW + 3600))
    source = user.source()
    await source.load()
    clock.advance(3539)
    assert not source.stale()
    clock.advance(1)
    assert source.stale()
    assert await token(source) == fresh()


async def test_a_token_of_a_minute_is_renewed_after_four_fifths(
    user: User, issuer: OidcIssuer, clock: TokenClock
) -> None:
    issuer.tokens = [{"id_token": fresh(exp=NOW + 60)}, {"id_token": fresh(2, iat=NOW + 48)}]
    source = user.source()
    await source.load()
    clock.advance(47)
    assert not source.stale()
    clock.advance(1)
    assert source.stale()
    assert await token(source) == fresh(2, iat=NOW + 48)


async def test_a_clock_that_is_set_changes_nothing_for_a_token_in_use(
    user: User, issuer: OidcIssuer, clock: TokenClock
) -> None:
    issuer.tokens = [{"id_token": fresh()}]
    source = user.source()
    await source.load()
    for off in (-86_400, 86_400):
        clock.wall = NOW + off
        assert not source.stale()
    clock.elapsed += 3540
    assert source.stale()


@pytest.mark.parametrize("off", [-86_400, 86_400])
async def test_a_new_token_lives_as_long_as_it_says_where_the_clock_is_wrong(
    user: User, issuer: OidcIssuer, clock: TokenClock, off: float
) -> None:
    clock.wall = NOW + off
    issuer.tokens = [{"id_token": fresh()}]
    user.set(id_token=None)
    source = user.source()
    assert await token(source) == fresh()
    assert source._renew_at == clock.elapsed + 3540


@pytest.mark.usefixtures("clock")
async def test_a_refused_token_is_renewed_though_it_is_valid(
    server: ApiServer, user: User, issuer: OidcIssuer, opened: Opened
) -> None:
    first, second = fresh(1), fresh(2)
    issuer.tokens = [{"id_token": second}]
    user.cluster = {"server": server.url}
    user.set(id_token=first)
    server.tokens = {first}
    client = await opened(user.source())
    server.tokens = {second}
    async with client.get(LIST, {}, idle=5) as reply:
        await reply.read()
    sent = [request.headers["Authorization"] for request in server.requests]
    assert sent == [f"Bearer {first}", f"Bearer {second}"]


async def test_an_issuer_is_asked_every_ten_seconds_at_most(
    user: User, issuer: OidcIssuer, clock: TokenClock
) -> None:
    issuer.tokens = [{"id_token": fresh(number)} for number in (1, 2)]
    source = user.source()
    for seconds in (0, 1, 8.9):
        clock.advance(seconds)
        assert await token(source) == fresh(1)
    clock.advance(0.1)
    assert await token(source) == fresh(2)


async def test_a_change_elsewhere_in_the_kubeconfig_keeps_what_was_renewed(
    user: User, issuer: OidcIssuer, clock: TokenClock
) -> None:
    issuer.tokens = [{"id_token": fresh(1), "refresh_token": "second"}]
    source = user.source()
    await source.load()
    user.cluster = {"server": "http://api:22"}
    user.write()
    assert source.stale()
    assert await token(source) == fresh(1)
    user.set(id_token=jwt(exp=clock.wall + 3600, of="another login"))
    assert await token(source) == user.settings["id-token"]
    assert len(issuer.forms) == 1


@pytest.mark.usefixtures("clock")
async def test_the_kubeconfig_is_not_written(user: User, issuer: OidcIssuer) -> None:
    issuer.tokens = [{"id_token": fresh(), "refresh_token": "second"}]
    source = user.source()
    before = user.path.read_bytes()
    await source.load()
    assert user.path.read_bytes() == before


# -- while it is away


async def test_while_the_issuer_is_down_a_token_is_used_until_it_expires(
    user: User, issuer: OidcIssuer, clock: TokenClock, caplog: pytest.LogCaptureFixture
) -> None:
    old = jwt(exp=NOW + 100)
    issuer.tokens = [{"id_token": fresh()}]
    async with TcpProxy.running(URL(issuer.url).port or 0) as network:
        address = f"https://127.0.0.1:{network.port}"
        user.set(id_token=old, idp_issuer_url=f"{address}/realm")
        source = user.source()
        assert await token(source) == old
        await network.close()
        clock.advance(80)
        for seconds in (0, 5, 5, 9.9):
            clock.advance(seconds)
            assert await token(source) == old
        (record,) = caplog.records
        assert record.getMessage() == "an id-token cannot be renewed, keeping it until it expires"
        assert record.__dict__["error"].startswith(f"{address}: Cannot connect")
        clock.advance(0.1)
        assert f"auth-provider oidc: {address}: Cannot connect" in await complaint(source)
        await network.open()
        clock.advance(10)
        assert await token(source) == fresh()


async def test_an_issuer_that_was_down_is_asked_again_after_ten_seconds(
    user: User, issuer: OidcIssuer, clock: TokenClock
) -> None:
    issuer.answers = {CONFIGURATION: [web.Response(status=503)]}
    issuer.tokens = [{"id_token": fresh()}]
    source = user.source()
    assert "answered 503" in await complaint(source)
    clock.advance(9.9)
    assert not source.stale()
    assert "answered 503" in await complaint(source)
    assert issuer.asked == [CONFIGURATION]
    clock.advance(0.1)
    assert source.stale()
    assert await token(source) == fresh()


async def test_nothing_is_logged_of_tokens_and_secrets(
    user: User, issuer: OidcIssuer, clock: TokenClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    old = jwt(exp=NOW + 30)
    issuer.answers = {TOKEN: [web.json_response({"error": REFRESH}, status=401) for _ in "12"]}
    user.set(id_token=old)
    source = user.source()
    await source.load()
    clock.advance(28)
    assert await token(source) == old
    said = [f"{record.getMessage()} {record.__dict__.get('error')}" for record in caplog.records]
    assert any("answered 401" in text for text in said)
    for hidden in (REFRESH, SECRET, quote_plus(SECRET), old):
        assert not any(hidden in text for text in said)


# -- other kinds


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        (
            {"auth-provider": {"name": "gcp", "config": {"access-token": "secret"}}},
            r"auth-provider gcp cannot .* use an exec plugin \(gke-gcloud-auth-plugin\)",
        ),
        ({"auth-provider": {"name": "azure"}}, r"auth-provider azure .* plugin \(kubelogin\)"),
        ({"auth-provider": {"name": "secret"}}, "this auth-provider cannot be used"),
        ({"auth-provider": "secret"}, "this auth-provider cannot be used"),
        ({"auth-provider": {"name": ["secret"]}}, "no valid kubeconfig"),
        (
            {"auth-provider": {"name": "oidc"}, "exec": {"command": "x"}},
            "exec and auth-provider cannot be used in combination",
        ),
        ({"auth-provider": {"name": "oidc"}}, "log in again"),
        ({"auth-provider": {"name": "oidc", "config": "secret"}}, "no valid kubeconfig"),
    ],
)
async def test_what_kubectl_does_not_know_is_refused_with_what_to_do(
    tmp_path: Path, entry: dict[str, Any], why: str
) -> None:
    with pytest.raises(ConfigError, match=why) as caught:
        await Kubeconfig([write(tmp_path / "k", config(entry))], None).load()
    assert "secret" not in str(caught.value)
