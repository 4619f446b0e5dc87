"""Renewing id-tokens: what an issuer is sent, who is not, and what it may answer."""

import base64
import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest
from aiohttp import web

from exporter.cluster import oidc_issuer
from support.certificates import needs_openssl
from support.oidc_issuer import CONFIGURATION, TOKEN, OidcIssuer, jwt
from support.oidc_user import NOW, REFRESH, SECRET, TokenClock, User, complaint, fresh, token

pytestmark = needs_openssl

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
    user: User, issuer: OidcIssuer, clock: TokenClock, refusal: tuple[int, dict[str, str]]
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
    user: User, issuer: OidcIssuer, clock: TokenClock
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
    user: User, issuer: OidcIssuer, vouchers: Path
) -> None:
    other = vouchers / "other.crt"
    for file, data in (
        (None, None),  # the system's know nothing of it
        (str(other), None),
        (None, base64.b64encode(other.read_bytes()).decode()),
        (str(vouchers / "issuer.crt"), base64.b64encode(other.read_bytes()).decode()),
    ):
        user.settings["idp-certificate-authority-data"] = data
        user.set(idp_certificate_authority=file)
        assert "certificate verify failed" in await complaint(user.source())
    assert issuer.asked == []


@pytest.mark.usefixtures("clock")
async def test_an_authority_is_named_as_a_file_or_held_as_data(
    user: User, issuer: OidcIssuer, vouchers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    issuer.tokens = [{"id_token": fresh()}, {"id_token": fresh()}]
    content = (vouchers / "issuer.crt").read_bytes()
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
    user: User, issuer: OidcIssuer, vouchers: Path, path: str
) -> None:
    async with OidcIssuer.running(vouchers / "issuer.crt", vouchers / "issuer.key") as elsewhere:
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
