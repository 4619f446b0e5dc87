"""The HTTP handlers of the status page, its assets and the JSON API.

One response is made at a time, in time slices of a few milliseconds, so that many readers delay the
watch no more than one does.
"""

import asyncio
from collections.abc import Awaitable, Callable
from importlib import resources
from typing import Any, Final

from aiohttp import hdrs, web
from isal import isal_zlib
from pydantic_core import to_json

from exporter.runtime.time_slice import TimeSlice
from exporter.web.colours import STATES
from exporter.web.negotiation import choose_encoding
from exporter.web.status.page import StatusPage
from exporter.web.status.pagination import TIME_SLICE
from exporter.web.status.query import (
    CRAWLS,
    EVENTS,
    FINISHED,
    Query,
    QueryError,
    parse_lenient,
    parse_strict,
)
from exporter.web.status.view import View
from exporter.web.streaming import send

API: Final = "/api/"
PREFIXES: Final = ("/status/", API)
"""Of all paths but ``/`` itself."""

MAX_READERS: Final = 16
"""Requests at once, waiting, in work or being read; more are refused with 503. The answer to one
may be of a dozen MiB."""

_JSON: Final = "application/json"
_GZIP_WBITS: Final = 31
_SMALL: Final = 1400
"""Bytes that fit into one packet anyway."""

Handler = Callable[[web.Request], Awaitable[web.Response]]
Route = Callable[[web.Request], Awaitable[web.StreamResponse]]


class StatusHandlers:
    """The handlers and the lock that they share."""

    def __init__(self, view: View, *, telemetry_path: str) -> None:
        self._view = view
        self._page = StatusPage(view, telemetry_path=telemetry_path)
        self._lock = asyncio.Lock()
        self._readers = 0

    def routes(self) -> tuple[tuple[str, Route], ...]:
        """Path and handler of everything here."""
        return (
            ("/", self._serialized(self._html)),
            ("/api/v1/crawls", self._serialized(self._list("crawls", CRAWLS, self._view.crawls))),
            (
                "/api/v1/finished",
                self._serialized(self._list("finished", FINISHED, self._view.finished)),
            ),
            (
                "/api/v1/events",
                self._serialized(self._list("events", EVENTS, self._view.events)),
            ),
            ("/api/v1/exporter", self._exporter),
            ("/status/style.css", _asset(_style(), "text/css")),
            ("/status/refresh.js", _asset(_read("refresh.js"), "text/javascript")),
            ("/status/icon.svg", _asset(_read("icon.svg"), "image/svg+xml")),
        )

    def _serialized(self, handler: Handler) -> Route:
        async def handle(request: web.Request) -> web.StreamResponse:
            if self._readers >= MAX_READERS:
                return web.Response(
                    status=503, text=f"More than {MAX_READERS} readers at once, try again later.\n"
                )
            self._readers += 1
            try:
                async with self._lock:
                    response = await handler(request)
                return await send(request, response)
            finally:
                self._readers -= 1

        return handle

    async def _html(self, request: web.Request) -> web.Response:
        body = await self._page.render(parse_lenient(request.query))
        return _answer(request, body, "text/html", self._page.headers)

    def _list(
        self,
        name: str,
        allowed: frozenset[str],
        find: Callable[[Query, TimeSlice], Awaitable[dict[str, Any]]],
    ) -> Handler:
        async def handle(request: web.Request) -> web.Response:
            try:
                query = parse_strict(request.query, allowed)
            except QueryError as error:
                return web.json_response({"error": str(error)}, status=400)
            time_slice = TimeSlice(TIME_SLICE)
            found = await find(query, time_slice)
            if found["next"]:
                found["next"] = f"{request.path}{found['next']}"
            return _answer(request, await _encoded(found, name, time_slice), _JSON)

        return handle

    async def _exporter(self, request: web.Request) -> web.Response:
        return _answer(request, to_json(self._view.exporter()) + b"\n", _JSON)


async def _encoded(found: dict[str, Any], name: str, time_slice: TimeSlice) -> bytes:
    """As JSON, the list called ``name`` item by item, so that other tasks run in between."""
    items = []
    for item in found.pop(name):
        items.append(to_json(item))
        await time_slice.yield_if_due()
    return b'%b,"%b":[%b]}\n' % (to_json(found)[:-1], name.encode(), b",".join(items))


def _answer(
    request: web.Request, body: bytes, content_type: str, headers: dict[str, str] | None = None
) -> web.Response:
    response = web.Response(body=body, content_type=content_type, charset="utf-8", headers=headers)
    response.headers[hdrs.VARY] = "Accept-Encoding"
    encoding = choose_encoding(",".join(request.headers.getall(hdrs.ACCEPT_ENCODING, ())))
    if encoding == "gzip" and len(body) > _SMALL:
        response.body = isal_zlib.compress(body, 1, _GZIP_WBITS)
        response.headers[hdrs.CONTENT_ENCODING] = "gzip"
    return response


def _asset(body: bytes, content_type: str) -> Handler:
    async def handle(request: web.Request) -> web.Response:
        return _answer(request, body, content_type)

    return handle


def _read(name: str) -> bytes:
    return resources.files("exporter.web.status").joinpath("assets", name).read_bytes()


def _style() -> bytes:
    """The stylesheet with a rule for each state's colour; other states look like ``unknown``."""
    colours = "".join(
        f'[data-state="{state}"]{{--state:{colour}}}\n' for state, colour in STATES.items()
    )
    return _read("style.css") + colours.encode()
