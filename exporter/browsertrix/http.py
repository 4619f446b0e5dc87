"""One request to Browsertrix's API, and what its answer means.

It only reads: besides GET there are the two POSTs by which one logs in, and no way to send another.
Every failure is a ``RequestError`` with one of ``REASONS``. Nothing an answer says is in its text:
it may be about people.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlencode

import aiohttp
from pydantic_core import from_json
from yarl import URL

from exporter.resources.decoding import InvalidObjectError, decode
from exporter.runtime.bodies import read_within
from exporter.runtime.http_errors import (
    RequestError,
    from_transport,
    read_date,
    redirected,
    retry_after,
    status_reason,
)
from exporter.runtime.http_files import FromFiles, tls_context
from exporter.runtime.http_session import client_session
from exporter.runtime.proxies import ProxyConfig, ProxyError, request_options

TIMEOUT: Final = 30.0
"""Seconds for a whole request. With its database down Browsertrix hangs for two minutes."""
LONGEST_BODY: Final = 32 * 2**20
"""Bytes of an answer; a page of a hundred organisations has a few hundred thousand."""
_LONGEST_REFUSAL: Final = 4096

ENDPOINTS: Final = (
    "login",
    "refresh",
    "me",
    "settings",
    "orgs",
    "org_counts",
    "workflows",
    "jobs",
    "crawl",
)
"""What is asked: label values of the counters of requests."""
REASONS: Final = (
    "unreachable",
    "tls",
    "timeout",
    "cut",
    "unauthorized",
    "forbidden",
    "not_found",
    "redirected",
    "too_many_requests",
    "server_error",
    "refused",
    "not_json",
    "too_large",
)
"""Why a request failed."""
UNROUTED: Final = "Not Found"
"""How the framework below Browsertrix calls a path that it does not know."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply with status 200."""

    content: Any
    """Decoded JSON."""
    date: float | None
    """When it was sent by the server's own clock, in seconds since 1970; None: it did not say."""


class NotFoundError(RequestError):
    """Browsertrix itself says that there is no such thing."""

    def __init__(self) -> None:
        super().__init__("not_found", "Browsertrix answered 404: there is no such thing")


@dataclass(slots=True)
class RequestStats:
    """Counts since the start."""

    requests: Counter[str] = field(default_factory=Counter)
    """By endpoint."""
    failures: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By endpoint and reason."""


class HTTPClient:
    """Sends requests to one Browsertrix over kept connections; ``close`` it."""

    def __init__(self, url: str, ca_file: Path | None = None, *, timeout: float = TIMEOUT) -> None:
        """Read the certificates; nothing is sent yet. ``timeout`` in seconds is a request's.

        Raises HTTPClientConfigError where a file cannot be used.
        """
        self.stats = RequestStats()
        self._base = url
        self._timeout = timeout
        self._tls = (
            FromFiles("Browsertrix", [ca_file], lambda: tls_context(ca_file))
            if url.startswith("https:")
            else None
        )
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """End the connections; a later request would make new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def get(
        self, endpoint: str, path: str, query: Mapping[str, str], token: str | None
    ) -> Answer:
        """Read what is at a path below ``/api``; without a token only what is public.

        Raises RequestError; NotFoundError where Browsertrix itself says 404.
        """
        return await self._send("GET", endpoint, path, token=token, query=query)

    async def login(self, username: str, password: str) -> Answer:
        """Ask for a token. Browsertrix counts those that it refuses; five lock the account."""
        form = urlencode({"username": username, "password": password}).encode()
        return await self._send("POST", "login", "/auth/jwt/login", form=form)

    async def refresh(self, token: str) -> Answer:
        """Ask for a new token in exchange for one that still counts."""
        return await self._send("POST", "refresh", "/auth/jwt/refresh", token=token)

    async def _send(  # noqa: PLR0913 - each by its name
        self,
        method: Literal["GET", "POST"],
        endpoint: str,
        path: str,
        *,
        token: str | None = None,
        query: Mapping[str, str] | None = None,
        form: bytes | None = None,
    ) -> Answer:
        self.stats.requests[endpoint] += 1
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        url = URL(f"{self._base}/api{path}", encoded=True)
        try:
            try:
                async with self._opened().request(
                    method,
                    url.with_query(dict(query)) if query else url,
                    data=form,
                    headers=headers,
                    allow_redirects=False,  # it would be sent the credentials
                    ssl=True if self._tls is None else self._tls.value(),
                    **request_options(ProxyConfig.from_environment().choose(url)),
                ) as response:
                    return await _read(response)
            except (aiohttp.ClientError, OSError) as error:
                late = RequestError("timeout", f"no answer within {self._timeout:g} s")
                raise from_transport(error, timeout=late) from error
            except ProxyError as error:
                raise RequestError("unreachable", str(error)) from error
        except RequestError as error:
            self.stats.failures[endpoint, error.reason] += 1
            raise

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = client_session(timeout=aiohttp.ClientTimeout(total=self._timeout))
        return self._session


async def _read(response: aiohttp.ClientResponse) -> Answer:
    if response.status != 200:
        raise await _refusal(response)
    if not _is_json(response):
        raise RequestError("not_json", f"it answered {_not_json(response)}")
    body = await read_within(response, LONGEST_BODY)
    if body is None:
        raise RequestError("too_large", f"it answered more than {LONGEST_BODY} bytes")
    try:
        return Answer(_decoded(body), read_date(response.headers.get("Date")))
    except InvalidObjectError as error:
        raise RequestError("not_json", f"its answer is {error}") from None


def _decoded(body: bytes) -> Any:
    """Decode a page in a quarter of the time; what the compiled parser refuses, leniently."""
    try:
        return from_json(body)
    except ValueError:
        return decode(body)


async def _refusal(response: aiohttp.ClientResponse) -> RequestError:
    status = response.status
    if 300 <= status < 400:
        return redirected(status)
    wait = retry_after(response.headers.get("Retry-After"))
    if not _is_json(response):
        # Nothing of Browsertrix's is known to be missing because something else is.
        reason = "not_json" if status == 404 else status_reason(status)
        return RequestError(reason, f"it answered {status} with {_not_json(response)}", wait)
    if status == 404 and not await _is_unrouted(response):
        return NotFoundError()
    return RequestError(status_reason(status), f"Browsertrix answered {status}", wait)


async def _is_unrouted(response: aiohttp.ClientResponse) -> bool:
    body = await read_within(response, _LONGEST_REFUSAL)
    try:
        said = decode(body or b"")
    except InvalidObjectError:
        return True
    return not isinstance(said, dict) or said.get("detail") in (None, UNROUTED)


def _is_json(response: aiohttp.ClientResponse) -> bool:
    encoding = response.headers.get("Content-Encoding", "identity")
    return response.content_type == "application/json" and encoding == "identity"


def _not_json(response: aiohttp.ClientResponse) -> str:
    kind = response.content_type
    kind = kind if kind.isprintable() and len(kind) <= 80 else "something"
    return f"{kind} instead of JSON: is it Browsertrix, or a proxy in front of it?"
