"""New tokens from an OpenID Connect issuer, for a refresh token.

The issuer's certificate is verified always, and no redirect is followed: the refresh token and the
client's secret are for this issuer alone. No message shows what was sent.
Source: OpenID Connect Discovery 1.0; RFC 6749, 5.2 and 6; golang.org/x/oauth2 on how a client says
who it is (``AuthStyleAutoDetect``).
"""

import asyncio
import ssl
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote_plus

import aiohttp
from kubernetes.aio.config.config_exception import ConfigException
from yarl import URL

from exporter.cluster.tls import TlsMaterial, read_content
from exporter.resources.decoding import InvalidObjectError, decode
from exporter.runtime.bodies import read_within
from exporter.runtime.http_errors import RequestError, from_transport
from exporter.runtime.http_session import client_session
from exporter.runtime.proxies import ProxyConfig, ProxyError, request_options

TIMEOUT: Final = 20.0
"""Seconds for everything: the issuer is asked twice, or three times."""
LONGEST_ANSWER: Final = 256 * 1024
"""Bytes. A token that names a thousand groups has some 40 KiB."""
LOGIN: Final = "log in again, and give the exporter the new kubeconfig"
_ERRORS: Final = frozenset(
    (
        "access_denied",
        "invalid_client",
        "invalid_grant",
        "invalid_request",
        "invalid_scope",
        "server_error",
        "temporarily_unavailable",
        "unauthorized_client",
        "unsupported_grant_type",
    )
)
"""Which errors of an answer are shown; others might repeat what we sent."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What an issuer gave."""

    id_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    """None where the old one is still to be used."""


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    content: Mapping[str, Any]

    @property
    def error(self) -> str:
        error = self.content.get("error")
        return error if isinstance(error, str) and error in _ERRORS else ""

    def text(self, name: str) -> str | None:
        """A field, where it holds some text."""
        value = self.content.get(name)
        return value if isinstance(value, str) and value else None

    def __str__(self) -> str:
        return f"answered {self.status}" + (f" ({self.error})" if self.error else "")


class Issuer:
    """The issuer of a kubeconfig's ``auth-provider``, asked as the client that is named there."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = settings
        self._secret_in_body = False

    async def redeem(self, refresh_token: str) -> Tokens:
        """Get new tokens; raises ConfigException with one line that names the server."""
        issuer = _address("idp-issuer-url", text(self._settings, "idp-issuer-url"))
        context = self._ssl_context()
        try:
            async with asyncio.timeout(TIMEOUT), _session(context) as session:
                answer = await _ask(session, "GET", _configuration_of(issuer))
                if answer.status != 200:
                    raise ConfigException(f"{issuer.origin()} {answer}, asked for its endpoints")
                endpoint = _address("the issuer's token_endpoint", answer.text("token_endpoint"))
                answer = await self._post(session, endpoint, refresh_token)
        except TimeoutError:
            raise ConfigException(f"{issuer.origin()}: no answer in {TIMEOUT:.0f} s") from None
        where = endpoint.origin()
        if answer.error == "invalid_grant":
            raise ConfigException(f"{where} accepts the refresh-token no more: {LOGIN}")
        if answer.status != 200:
            raise ConfigException(f"{where} {answer}")
        id_token = answer.text("id_token")
        if id_token is None:
            raise ConfigException(
                f"{where} gave no id_token: it gives none, or the login was without scope openid"
            )
        return Tokens(id_token, answer.text("refresh_token"))

    async def _post(
        self, session: aiohttp.ClientSession, endpoint: URL, refresh_token: str
    ) -> _Answer:
        """Send the refresh token, with the secret in the header, then in the body if that fails.

        Which of the two a server takes it does not say. Without a secret it is the body.
        """
        client, secret = text(self._settings, "client-id"), text(self._settings, "client-secret")
        if client is None:
            raise ConfigException("client-id is missing")
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        if secret is not None and not self._secret_in_body:
            pair = f"{quote_plus(client)}:{quote_plus(secret)}"
            headers = {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}
            answer = await _ask(session, "POST", endpoint, headers=headers, data=form)
            if answer.status not in (400, 401) or answer.error == "invalid_grant":
                return answer
        form["client_id"] = client
        if secret is not None:
            form["client_secret"] = secret
        answer = await _ask(session, "POST", endpoint, data=form)
        self._secret_in_body = answer.status == 200
        return answer

    def _ssl_context(self) -> ssl.SSLContext:
        field = "idp-certificate-authority"
        try:
            authorities = read_content(self._settings, field)
        except OSError as error:
            raise ConfigException(f"{field}: {error.strerror}") from error
        return TlsMaterial(authorities, names=(field,)).context()


def text(settings: Mapping[str, Any], name: str) -> str | None:
    """Return a setting, None where it is empty; raises ConfigException where it is no text."""
    value = settings.get(name)
    if value is not None and not isinstance(value, str):
        raise ConfigException(f"{name} is no text")
    return value or None


def _address(name: str, value: str | None) -> URL:
    if value is None:
        raise ConfigException(f"{name} is missing")
    try:
        url = URL(value)
    except ValueError:
        raise ConfigException(f"{name} is no address") from None
    if url.scheme != "https" or not url.host:
        raise ConfigException(f"{name} is no https address")
    return url


def _configuration_of(issuer: URL) -> URL:
    path = issuer.raw_path.removesuffix("/") + "/.well-known/openid-configuration"
    return issuer.with_path(path, encoded=True)


def _session(context: ssl.SSLContext) -> aiohttp.ClientSession:
    return client_session(
        connector=aiohttp.TCPConnector(ssl=context),
        headers={"Accept": "application/json", "Accept-Encoding": "identity"},
        timeout=aiohttp.ClientTimeout(total=None),  # of all requests together, see above
    )


async def _ask(session: aiohttp.ClientSession, method: str, url: URL, **options: Any) -> _Answer:
    """Send a request; raises ConfigException where the answer is of no use."""
    where = url.origin()
    try:
        way = request_options(ProxyConfig.from_environment().choose(url))
        async with session.request(method, url, allow_redirects=False, **way, **options) as got:
            body = await read_within(got, LONGEST_ANSWER)
    except ProxyError as error:
        raise ConfigException(str(error)) from error
    except (aiohttp.ClientError, OSError) as error:
        silent = RequestError("stalled", "no answer")
        raise ConfigException(f"{where}: {from_transport(error, timeout=silent)}") from error
    if 300 <= got.status < 400:
        raise ConfigException(f"{where} answered {got.status}: redirects are not followed")
    try:
        content = None if body is None else decode(body)
    except InvalidObjectError:
        content = None
    if got.status == 200 and not isinstance(content, dict):
        what = "no JSON" if body is not None else f"longer than {LONGEST_ANSWER // 1024} KiB"
        raise ConfigException(f"the answer of {where} is {what}: is this the issuer?")
    return _Answer(got.status, content if isinstance(content, dict) else {})
