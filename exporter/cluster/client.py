"""Requests to the API server, with credentials that are always fresh.

Everything that can go wrong with a request ends as a ``RequestError`` whose ``reason`` is one of
``REASONS``, fit for a label, and whose text says what to do. Kubeconfigs are read by the official
client. Its session is not used: its watches end after five minutes, it follows redirects and reads
``.netrc``, so that a foreign host could be sent our credentials, and be believed.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Final, Self

import aiohttp
from kubernetes.aio.client import Configuration
from kubernetes.aio.config.config_exception import ConfigException
from multidict import CIMultiDict
from yarl import URL

from exporter.cluster.coalescing import ReadCoalescing
from exporter.cluster.credentials import ConfigError, CredentialSource, find_source
from exporter.cluster.tls import TlsMaterial
from exporter.cluster.wire import Status, read_status
from exporter.resources.decoding import InvalidObjectError, decode
from exporter.runtime.http_errors import RequestError, from_transport, retry_after, status_reason
from exporter.runtime.http_session import client_session
from exporter.runtime.proxies import Proxy, ProxyConfig, ProxyError, request_options

__all__ = ["REASONS", "ApiClient", "ConfigError", "RequestError", "Response"]

logger = logging.getLogger(__name__)

REASONS: Final = (
    "unreachable",
    "tls",
    "stalled",
    "cut",
    "unauthorized",
    "forbidden",
    "not_found",
    "expired",
    "too_many_requests",
    "server_error",
    "refused",
    "not_json",
    "too_large",
)
"""Why a request failed: every value of ``RequestError.reason``."""

_CONNECT_TIMEOUT: Final = 10.0
_LONGEST_STATUS: Final = 64 * 1024
LONGEST_BODY: Final = 256 * 2**20
"""Bytes of a page of a list. Two hundred objects as large as etcd takes them."""
_READ_BUFFER: Final = 2 * 2**20


class Response:
    """A reply with status 200 whose content is JSON, to be read whole or piece by piece."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        connection = response.connection  # None where all of it has come already
        self._coalescing = ReadCoalescing(connection and connection.transport)

    async def read(self) -> bytes:
        """Return the whole body; raises RequestError, also where it exceeds ``LONGEST_BODY``."""
        return b"".join([piece async for piece in self.pieces()])

    async def pieces(self) -> AsyncGenerator[bytes]:
        """Yield the body as it arrives, within the same limit; raises RequestError."""
        size = 0
        while chunk := await self._read_available():
            size += len(chunk)
            if size > LONGEST_BODY:
                raise RequestError("too_large", f"a page of the list exceeds {LONGEST_BODY} bytes")
            yield chunk

    async def read_chunk(self) -> bytes:
        """Return what has arrived next, empty at the end; raises RequestError.

        What comes close after it is gathered for the next call, a quarter of a second at most.
        """
        chunk = await self._read_available()
        if self._response.connection is not None:  # or else it is another request's by now
            self._coalescing.after_read()
        return chunk

    async def _read_available(self) -> bytes:
        try:
            return await self._response.content.readany()
        except (aiohttp.ClientError, OSError) as error:
            raise _failure(error) from error


Get = Callable[[Mapping[str, str]], AbstractAsyncContextManager[Response]]
"""Sends a GET with a query to one path; fails as ``ApiClient.get``."""


class ApiClient:
    """One API server. Make it with ``open``; several watches may share it."""

    def __init__(self, source: CredentialSource) -> None:
        self._source = source
        self._configuration: Configuration | None = None
        self._session: _Session | None = None
        self._generation = 0
        self._lock = asyncio.Lock()
        self._complaint: str | None = None
        self._closed = False

    @classmethod
    async def open(cls, kubeconfig: Path | None = None, context: str | None = None) -> Self:
        """Read the configuration; the server itself need not be there yet.

        Raises ConfigError where the configuration cannot be used.
        """
        connection = cls(find_source(kubeconfig, context))
        await connection.refresh_credentials()
        return connection

    @property
    def server(self) -> str:
        """The API server's address."""
        return str(self._configuration.host) if self._configuration else ""

    async def close(self) -> None:
        """Forget the server; requests still running fail, so end what sends them first."""
        self._closed = True
        session, self._session = self._session, None
        if session is not None:
            await session.client.close()

    @asynccontextmanager
    async def get(
        self, path: str, query: Mapping[str, str], *, idle: float
    ) -> AsyncIterator[Response]:
        """Send a GET; ``idle`` is how many seconds the server may say nothing at all.

        Raises RequestError for every status but 200 and for every failure on the way.
        """
        if self._source.stale():
            await self.refresh_credentials()
        generation = self._generation
        async with self._exchange(path, query, idle) as response:
            if response.status != 401:
                yield await _accepted(response)
                return
        await self.refresh_credentials(beyond=generation)
        async with self._exchange(path, query, idle) as response:
            yield await _accepted(response)

    @asynccontextmanager
    async def _exchange(
        self, path: str, query: Mapping[str, str], idle: float
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        session, configuration = self._session, self._configuration
        if session is None or configuration is None:
            raise RequestError("unreachable", "the connection is closed")
        headers = CIMultiDict(
            {
                "Accept": "application/json",
                # What is sent compressed may be a thousand times as long; nobody needs that in a
                # cluster's network, and the API server would have to compress each list.
                "Accept-Encoding": "identity",
            }
        )
        if token := configuration.api_key.get("BearerToken"):
            headers["Authorization"] = token
        headers.extend(self._source.headers)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_TIMEOUT, sock_read=idle)
        url = URL(self.server + path, encoded=True).with_query(dict(query))
        async with session.in_use():
            try:
                response = await session.client.get(
                    url,
                    headers=headers,
                    timeout=timeout,
                    server_hostname=configuration.tls_server_name or None,
                    allow_redirects=False,
                    **request_options(session.proxy),
                )
            except (aiohttp.ClientError, OSError) as error:
                raise _failure(error) from error
            async with response:
                yield response

    async def refresh_credentials(self, beyond: int | None = None) -> None:
        """Read the credentials again, unless that was done since the generation ``beyond``.

        Where that fails the old ones are kept, for a file may be halfway through its rotation;
        raises ConfigError only while there are none.
        """
        async with self._lock:
            if self._closed:
                return
            if beyond is None:
                if self._session is not None and not self._source.stale():
                    return
            elif beyond != self._generation:
                return
            try:
                await self._load()
            except ConfigError as error:
                if self._session is None:
                    raise
                if str(error) != self._complaint:
                    self._complaint = str(error)
                    logger.warning("Keeping the credentials in use: %s", error)
            else:
                self._complaint = None

    async def _load(self) -> None:
        configuration = await self._source.load()
        token = configuration.api_key.get("BearerToken")
        if token is not None:
            scheme, _, secret = token.strip().partition(" ")
            if not secret.isprintable():
                raise ConfigError("the token has characters that no token can have")
            configuration.api_key["BearerToken"] = f"{scheme.capitalize()} {secret}"
        made_from = (
            configuration.host,
            configuration.proxy,
            configuration.verify_ssl,
            configuration.tls_server_name,
            self._source.tls,
        )
        old = self._session
        if old is None or old.made_from != made_from:
            proxy = _proxy(configuration)
            client = _client(self._source.tls, verify=configuration.verify_ssl)
            self._session = _Session(client, proxy, made_from)
        self._configuration = configuration
        self._generation += 1
        if old is not None and old is not self._session:
            await old.retire()


class _Session:
    """A session with what it was made from; after a change of that it ends with its uses."""

    def __init__(
        self, client: aiohttp.ClientSession, proxy: Proxy | None, made_from: object
    ) -> None:
        self.client = client
        self.proxy = proxy
        self.made_from = made_from
        self._uses = 0
        self._retired = False

    @asynccontextmanager
    async def in_use(self) -> AsyncIterator[None]:
        self._uses += 1
        try:
            yield
        finally:
            self._uses -= 1
            await self._close_if_done()

    async def retire(self) -> None:
        """Close it, once its last use has ended: a watch need not be cut for this."""
        self._retired = True
        await self._close_if_done()

    async def _close_if_done(self) -> None:
        if self._retired and not self._uses:
            await self.client.close()


def _proxy(configuration: Configuration) -> Proxy | None:
    """The kubeconfig's, or the environment's."""
    try:
        if configuration.proxy:
            return Proxy.parse(str(configuration.proxy))
        return ProxyConfig.from_environment().choose(URL(configuration.host))
    except ProxyError as error:
        where = "proxy-url: " if configuration.proxy else ""
        raise ConfigError(f"{where}{error}") from error


def _client(tls: TlsMaterial, *, verify: bool) -> aiohttp.ClientSession:
    try:
        context = tls.context(verify=verify)
    except ConfigException as error:
        raise ConfigError(str(error)) from error
    return client_session(
        # Each scope has a watch open all the time, and there may be hundreds.
        connector=aiohttp.TCPConnector(limit=0, ssl=context),
        read_bufsize=_READ_BUFFER,
    )


def _failure(error: Exception) -> RequestError:
    silent = RequestError("stalled", "the API server has gone silent")
    return from_transport(error, timeout=silent)


async def _accepted(response: aiohttp.ClientResponse) -> Response:
    if response.status != 200:
        raise await _refusal(response)
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise RequestError(
            "not_json", "the API server answered compressed, which was not asked for"
        )
    if response.content_type != "application/json":
        raise RequestError(
            "not_json",
            f"{response.url.origin()} answered with {response.content_type!r} instead of JSON: "
            "is this the API server?",
        )
    return Response(response)


async def _refusal(response: aiohttp.ClientResponse) -> RequestError:
    code = response.status
    try:
        body = await response.content.readexactly(_LONGEST_STATUS)
    except asyncio.IncompleteReadError as error:
        body = error.partial
    except (aiohttp.ClientError, OSError):
        body = b""  # the status line says enough
    try:
        status = read_status(decode(body))
    except InvalidObjectError:
        status = Status(code)
    wait = retry_after(response.headers.get("Retry-After"))
    if status.expired:
        return RequestError("expired", str(status), wait)
    if 300 <= code < 400:
        return RequestError(
            "refused", f"the API server answered {code}: redirects are not followed, for the "
            "credentials are for this server alone"
        )  # fmt: skip
    reason = "expired" if code == 410 else status_reason(code)
    # Who is refused stands in the message, and may be an e-mail address.
    says_why = code not in (401, 403) and (status.reason or status.message)
    said = str(status) if says_why else str(code)
    return RequestError(reason, f"the API server answered {said}", wait, status=code)
