"""Id-tokens: which are used, when they are renewed, and who is sent what for that.

Long, for each thing that an issuer can do wrong is a line of its own.
"""

import base64
import json
import logging
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest
from aiohttp import web
from yarl import URL

from exporter.cluster import credentials, oidc, oidc_issuer
from exporter.cluster.credentials import ConfigError, Kubeconfig
from exporter.simulator import ApiServer
from support.certificates import certificate, needs_openssl
from support.following import Opened
from support.kubeconfigs import config, write
from support.oidc_issuer import CONFIGURATION, TOKEN, OidcIssuer, jwt
from support.tcp_proxy import TcpProxy

pytestmark = needs_openssl

REFRESH = "r3fr3sh"
SECRET = "s3cr3t/+ä"  # noqa: S105 - of no client
NOW = 1_800_000_000.0
LIST = "/apis/btrix.cloud/v1/namespaces/crawlers/crawljobs"


@dataclass
class Clock:
    """Stands in for the module ``time``."""

    wall: float = NOW
    elapsed: float = 1000.0

    def time(self) -> float:
        return self.wall

    def monotonic(self) -> float:
        return self.elapsed

    def advance(self, seconds: float) -> None:
        self.wall += seconds
        self.elapsed += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(oidc, "time", found)
    monkeypatch.setattr(credentials, "time", found)
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With issuer.crt, which vouches for the issuer, and other.crt, which does not."""
    found = tmp_path_factory.mktemp("certificates")
    for name in ("issuer", "other"):
        certificate(found, name)
    return found


@pytest.fixture
async def issuer(folder: Path) -> AsyncIterator[OidcIssuer]:
    async with OidcIssuer.running(folder / "issuer.crt", folder / "issuer.key") as issuer:
        yield issuer


@dataclass
class User:
    """A kubeconfig with a user of an issuer."""

    path: Path
    settings: dict[str, Any]
    cluster: dict[str, Any] = field(default_factory=lambda: {"server": "http://api:1"})

    def set(self, **settings: Any) -> None:
        """Change settings; None takes one away."""
        for name, value in settings.items():
            self.settings[name.replace("_", "-")] = value
        self.write()

    def write(self, **more: Any) -> None:
        settings = {name: value for name, value in self.settings.items() if value is not None}
        provider = {"name": "oidc", "config": settings}
        write(self.path, config({"auth-provider": provider, **more}, self.cluster))

    def source(self) -> Kubeconfig:
        self.write()
        return Kubeconfig([self.path], None)


@pytest.fixture
def user(tmp_path: Path, issuer: OidcIssuer, folder: Path) -> User:
    """Whose token has expired."""
    return User(
        tmp_path / "kubeconfig",
        {
            "client-id": "kubernetes:x",
            "client-secret": SECRET,
            "id-token": jwt(exp=NOW - 5),
            "idp-issuer-url": issuer.url,
            "idp-certificate-authority": str(folder / "issuer.crt"),
            "refresh-token": REFRESH,
        },
    )


def fresh(number: int = 1, **claims: Any) -> str:
    """A token that the issuer has just made, for an hour."""
    return jwt(**{"iat": NOW, "exp": NOW + 3600, "number": number, **claims})


async def token(source: Kubeconfig) -> str:
    found: str = (await source.load()).api_key["BearerToken"]
    return found.removeprefix("Bearer ")


async def complaint(source: Kubeconfig) -> str:
    with pytest.raises(ConfigError) as caught:
        await source.load()
    text = str(caught.value)
    for hidden in (REFRESH, SECRET, quote_plus(SECRET), "eyJ"):
        assert hidden not in text.partition(": ")[2]
    assert "\n" not in text
    return text.partition(": ")[2]


# -- which token is used


@pytest.mark.parametrize("name", ["Ann Example", "Zoë Ñandú ÿÿ", "李 小龙", "~~~???>>>"])
async def test_a_valid_token_is_used_whatever_its_base64url_holds(
    user: User, issuer: OidcIssuer, clock: Clock, name: str
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
    user: User, issuer: OidcIssuer, clock: Clock, old: str | None
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


async def test_without_a_refresh_token_a_token_is_used_to_its_end(user: User, clock: Clock) -> None:
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
    user: User, issuer: OidcIssuer, clock: Clock
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
    user: User, issuer: OidcIssuer, clock: Clock
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
    user: User, issuer: OidcIssuer, clock: Clock
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
    user: User, issuer: OidcIssuer, clock: Clock, off: float
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
    user: User, issuer: OidcIssuer, clock: Clock
) -> None:
    issuer.tokens = [{"id_token": fresh(number)} for number in (1, 2)]
    source = user.source()
    for seconds in (0, 1, 8.9):
        clock.advance(seconds)
        assert await token(source) == fresh(1)
    clock.advance(0.1)
    assert await token(source) == fresh(2)


async def test_a_change_elsewhere_in_the_kubeconfig_keeps_what_was_renewed(
    user: User, issuer: OidcIssuer, clock: Clock
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


# -- what is sent


@pytest.mark.usefixtures("clock")
async def test_a_client_with_a_secret_sends_it_in_the_header(
    user: User, issuer: OidcIssuer
) -> None:
    issuer.tokens = [{"id_token": fresh()}]
    await user.source().load()
    assert issuer.forms == [{"grant_type": "refresh_token", "refresh_token": REFRESH}]
    pair = f"kubernetes%3Ax:{quote_plus(SECRET)}"
    assert issuer.authorizations == [f"Basic {base64.b64encode(pair.encode()).decode()}"]


@pytest.mark.parametrize(
    "refusal",
    [(401, {"error": "invalid_client"}), (401, {}), (400, {"error": "invalid_client"})],
    ids=str,
)
async def test_a_secret_refused_in_the_header_is_sent_in_the_body_and_so_it_stays(
    user: User, issuer: OidcIssuer, clock: Clock, refusal: tuple[int, dict[str, str]]
) -> None:
    status, body = refusal
    issuer.answers = {TOKEN: [web.json_response(body, status=status)]}
    issuer.tokens = [{"id_token": fresh()}, {"id_token": fresh(2)}]
    source = user.source()
    assert await token(source) == fresh()
    clock.advance(3550)
    await source.load()
    assert [value is None for value in issuer.authorizations] == [False, True, True]
    for form in issuer.forms[1:]:
        assert form == {
            "grant_type": "refresh_token",
            "refresh_token": REFRESH,
            "client_id": "kubernetes:x",
            "client_secret": SECRET,
        }


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("secret", [None, ""])
async def test_a_public_client_names_itself_in_the_body(
    user: User, issuer: OidcIssuer, secret: str | None
) -> None:
    issuer.tokens = [{"id_token": fresh()}]
    user.set(client_secret=secret)
    assert await token(user.source()) == fresh()
    assert issuer.authorizations == [None]
    assert issuer.forms == [
        {"grant_type": "refresh_token", "refresh_token": REFRESH, "client_id": "kubernetes:x"}
    ]


async def test_a_refresh_token_is_used_until_there_is_a_new_one(
    user: User, issuer: OidcIssuer, clock: Clock
) -> None:
    issuer.tokens = [
        {"id_token": fresh(1)},
        {"id_token": fresh(2), "refresh_token": "second"},
        {"id_token": fresh(3), "refresh_token": None},
        {"id_token": fresh(4)},
    ]
    source = user.source()
    for number in (1, 2, 3, 4):
        assert await token(source) == fresh(number)
        clock.elapsed += 3545
    sent = [form["refresh_token"] for form in issuer.forms]
    assert sent == [REFRESH, REFRESH, "second", "second"]


@pytest.mark.usefixtures("clock")
async def test_a_slash_at_the_end_of_the_issuers_address_does_not_matter(
    user: User, issuer: OidcIssuer
) -> None:
    issuer.tokens = [{"id_token": fresh()}]
    user.set(idp_issuer_url=f"{issuer.url}/")
    await user.source().load()
    assert issuer.asked == [CONFIGURATION, TOKEN]


# -- to whom


@pytest.mark.usefixtures("clock")
async def test_an_issuer_whom_nobody_vouches_for_is_sent_nothing(
    user: User, issuer: OidcIssuer, folder: Path
) -> None:
    other = folder / "other.crt"
    for file, data in (
        (None, None),  # the system's know nothing of it
        (str(other), None),
        (None, base64.b64encode(other.read_bytes()).decode()),
        (str(folder / "issuer.crt"), base64.b64encode(other.read_bytes()).decode()),
    ):
        user.settings["idp-certificate-authority-data"] = data
        user.set(idp_certificate_authority=file)
        assert "certificate verify failed" in await complaint(user.source())
    assert issuer.asked == []


@pytest.mark.usefixtures("clock")
async def test_an_authority_is_named_as_a_file_or_held_as_data(
    user: User, issuer: OidcIssuer, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    issuer.tokens = [{"id_token": fresh()}, {"id_token": fresh()}]
    content = (folder / "issuer.crt").read_bytes()
    (tmp_path / "relative.crt").write_bytes(content)
    monkeypatch.chdir("/")
    user.set(idp_certificate_authority="relative.crt")
    assert await token(user.source()) == fresh()
    user.settings["idp-certificate-authority-data"] = base64.b64encode(content).decode()
    user.set(idp_certificate_authority=None)
    assert await token(user.source()) == fresh()


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"idp_certificate_authority": "absent.crt"}, "idp-certificate-authority: No such file"),
        ({"idp_certificate_authority_data": "!"}, "idp-certificate-authority-data is not base64"),
        ({"idp_certificate_authority_data": "AAAA"}, "certificates in idp-certificate-authority"),
        ({"idp_issuer_url": "http://127.0.0.1:1"}, "idp-issuer-url is no https address"),
        ({"idp_issuer_url": "https://[x"}, "idp-issuer-url is no address"),
        ({"idp_issuer_url": None}, "idp-issuer-url is missing"),
        ({"client_id": None}, "client-id is missing"),
        ({"client_id": 5}, "client-id is no text"),
        ({"refresh_token": 5}, "refresh-token is no text"),
    ],
)
async def test_settings_that_cannot_be_used_are_named(
    user: User, settings: dict[str, Any], why: str
) -> None:
    user.set(**settings)
    assert why in await complaint(user.source())


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("path", [CONFIGURATION, TOKEN])
async def test_no_redirect_is_followed(
    user: User, issuer: OidcIssuer, folder: Path, path: str
) -> None:
    async with OidcIssuer.running(folder / "issuer.crt", folder / "issuer.key") as elsewhere:
        location = elsewhere.url.replace("/realm", path)
        issuer.answers = {path: [web.Response(status=307, headers={"Location": location})]}
        said = await complaint(user.source())
        assert "answered 307: redirects are not followed" in said
        assert elsewhere.asked == []


@pytest.mark.usefixtures("clock")
async def test_the_way_to_the_issuer_is_the_environments_proxy(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "socks5://u:p4ss@proxy:1")
    assert "HTTPS_PROXY: SOCKS proxies cannot be used" in await complaint(user.source())
    monkeypatch.setenv("HTTPS_PROXY", "http://u:p4ss@127.0.0.1:1")
    user.set(idp_issuer_url="https://idp.example.org")
    said = await complaint(user.source())
    assert "127.0.0.1:1" in said
    assert "p4ss" not in said


# -- what it answers


def page(body: bytes | str, status: int = 200) -> web.Response:
    return web.Response(body=body, status=status, content_type="text/html")


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(
    ("body", "status", "why"),
    [
        (b"<html>welcome</html>", 200, "is no JSON: is this the issuer?"),
        (b"[" * 100_000, 200, "is no JSON"),
        (b"[]", 200, "is no JSON"),
        (b"\xff\x00", 200, "is no JSON"),
        (b"", 200, "is no JSON"),
        (b" " * 10_000_000, 200, "is longer than 256 KiB"),
        (b"<html>down</html>", 503, "answered 503"),
        (b" " * 10_000_000, 503, "answered 503"),
        (json.dumps({"error": REFRESH}).encode(), 403, "answered 403"),
        (b'{"error": "access_denied"}', 403, "answered 403 (access_denied)"),
    ],
    ids=lambda value: value[:12] if isinstance(value, bytes) else None,
)
async def test_an_answer_of_no_use_is_one_readable_line(
    user: User, issuer: OidcIssuer, body: bytes, status: int, why: str
) -> None:
    for path in (CONFIGURATION, TOKEN):
        issuer.answers = {path: [page(body, status)]}
        said = await complaint(user.source())
        assert why in said
        assert issuer.url.removesuffix("/realm") in said


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ({"access_token": SECRET}, "gave no id_token"),
        ({"id_token": ""}, "gave no id_token"),
        ({"id_token": 5}, "gave no id_token"),
        ({"id_token": f"{SECRET}.x.y"}, "new id-token cannot be read"),
        ({"id_token": jwt()}, "new id-token cannot be read"),
        ({"id_token": jwt(exp=NOW - 1)}, "new id-token has expired already"),
        ({"id_token": jwt(exp=NOW - 1, iat=NOW)}, "new id-token has expired already"),
    ],
)
async def test_new_tokens_that_cannot_be_used_are_an_error(
    user: User, issuer: OidcIssuer, answer: dict[str, Any], why: str
) -> None:
    issuer.tokens = [answer]
    assert why in await complaint(user.source())


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(
    ("endpoint", "why"),
    [(None, "is missing"), ("http://127.0.0.1/t", "is no https address"), (5, "is missing")],
)
async def test_an_issuer_whose_endpoint_is_of_no_use_is_sent_nothing(
    user: User, issuer: OidcIssuer, endpoint: Any, why: str
) -> None:
    issuer.configuration = {"token_endpoint": endpoint}
    assert f"the issuer's token_endpoint {why}" in await complaint(user.source())
    assert issuer.forms == []


@pytest.mark.usefixtures("clock")
async def test_a_refresh_token_that_is_over_says_to_log_in_again(
    user: User, issuer: OidcIssuer
) -> None:
    body = {"error": "invalid_grant", "error_description": f"{REFRESH} is over"}
    issuer.answers = {TOKEN: [web.json_response(body, status=400)]}
    said = await complaint(user.source())
    assert "accepts the refresh-token no more: log in again" in said
    assert len(issuer.forms) == 1  # it was not the secret


@pytest.mark.usefixtures("clock")
async def test_a_silent_issuer_is_given_up(
    user: User, issuer: OidcIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oidc_issuer, "TIMEOUT", 0.3)
    issuer.silent.clear()
    began = time.monotonic()
    assert "no answer in 0 s" in await complaint(user.source())
    assert time.monotonic() - began < 10


# -- while it is away


async def test_while_the_issuer_is_down_a_token_is_used_until_it_expires(
    user: User, issuer: OidcIssuer, clock: Clock, caplog: pytest.LogCaptureFixture
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
    user: User, issuer: OidcIssuer, clock: Clock
) -> None:
    issuer.answers = {CONFIGURATION: [page("", 503)]}
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
    user: User, issuer: OidcIssuer, clock: Clock, caplog: pytest.LogCaptureFixture
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
