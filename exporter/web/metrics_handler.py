"""``/metrics``: an exposition of any size, streamed without stalling the event loop.

A scrape of ten thousand crawls is a hundred megabytes of text. It is made in batches of a few
milliseconds each; between two of them, whichever scrapes they belong to, the loop turns once, so
that the watch goes on. No batch is made before the client has taken the ones before it, so that
memory stays bounded. A client never gets a scrape that looks whole and is not: what fails before
the first byte is a 500, what fails later ends the connection.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Final, Protocol

from aiohttp import hdrs, web
from isal import isal_zlib

from exporter.metrics import Format
from exporter.web.negotiation import choose_encoding, choose_media_type
from exporter.web.streaming import UNSENT, WRITE_TIMEOUT, abort

logger = logging.getLogger(__name__)

MAX_SCRAPES: Final = 40
"""At once; the limit of Prometheus' own exporters (``--web.max-requests``)."""

_BATCH: Final = 256 * 1024
"""Bytes. Below, small chunks are joined: a small exposition is one batch, sent with its length."""

_PACKED_BATCH: Final = 3 * 1024 * 1024
"""Bytes before compression: three milliseconds' work, of which a tenth is sent."""

_GZIP_LEVEL: Final = 1
_GZIP_WBITS: Final = 31  # a gzip header and the largest window


class Gatherer(Protocol):
    """What a scrape is answered with; client_golang's name for it."""

    def chunks(self, form: Format, names: frozenset[str] | None, now: float, /) -> Iterator[bytes]:
        """The exposition of all series as they are now, each chunk a few milliseconds' work.

        ``names`` selects families or samples, None is all of them; ``now`` is in seconds since
        1970.
        """


OnScrape = Callable[[float, int, Format], None]
"""Called after each complete scrape, with its seconds, uncompressed bytes and format."""


class _Body:
    """The body of one response, in batches: joins small chunks, compresses, counts bytes."""

    def __init__(self, chunks: Iterator[bytes], *, gzipped: bool) -> None:
        self.size = 0
        """Bytes so far, uncompressed."""
        self.complete = False
        self._chunks = chunks
        self._compressor = (
            isal_zlib.compressobj(_GZIP_LEVEL, isal_zlib.DEFLATED, _GZIP_WBITS) if gzipped else None
        )
        self._batch = _BATCH if self._compressor is None else _PACKED_BATCH

    def batch(self) -> bytes:
        """The next bytes to send; none while the compressor holds them back."""
        parts: list[bytes] = []
        size = 0
        for chunk in self._chunks:
            # Compressed while it is in the processor's cache: later costs a fifth more.
            parts.append(self._compressor.compress(chunk) if self._compressor else chunk)
            size += len(chunk)
            if size >= self._batch:
                break
        else:
            self.complete = True
            if self._compressor:
                parts.append(self._compressor.flush())
        self.size += size
        return parts[0] if len(parts) == 1 else b"".join(parts)  # a large one goes uncopied


class MetricsHandler:
    """Handles scrapes of one gatherer; all of them share the event loop, a batch at a time."""

    def __init__(
        self,
        gatherer: Gatherer,
        on_scrape: OnScrape,
        *,
        clock: Callable[[], float] = time.time,
        max_scrapes: int = MAX_SCRAPES,
        write_timeout: float = WRITE_TIMEOUT,
    ) -> None:
        """More than ``max_scrapes`` at once are refused with 503; ``write_timeout`` in seconds."""
        self._gatherer = gatherer
        self._on_scrape = on_scrape
        self._clock = clock
        self._max_scrapes = max_scrapes
        self._write_timeout = write_timeout
        self._running = 0
        self._refusing = False
        self._turn = asyncio.Lock()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """GET and HEAD, in the negotiated format; ``name[]`` selects families and samples."""
        # As for every header whose value is a list, several lines are one (RFC 9110, 5.3).
        media_type = choose_media_type(",".join(request.headers.getall(hdrs.ACCEPT, ())))
        encoding = choose_encoding(",".join(request.headers.getall(hdrs.ACCEPT_ENCODING, ())))
        headers: dict[str, str] = {
            hdrs.CONTENT_TYPE: media_type.content_type,
            hdrs.VARY: "Accept, Accept-Encoding",
        }
        if encoding != "identity":
            headers[hdrs.CONTENT_ENCODING] = encoding
        if request.method == hdrs.METH_HEAD:
            return web.StreamResponse(headers=headers)
        if self._running >= self._max_scrapes:
            return self._refuse()
        self._running += 1
        try:
            return await self._answer(request, media_type.form, headers)
        finally:
            self._running -= 1
            self._refusing = self._refusing and self._running > 0

    async def _answer(
        self, request: web.Request, form: Format, headers: Mapping[str, str]
    ) -> web.StreamResponse:
        started = time.perf_counter()
        response = web.StreamResponse(headers=headers)
        try:
            names = frozenset(filter(None, request.query.getall("name[]", ()))) or None
            async with self._turn:
                chunks = self._gatherer.chunks(form, names, self._clock())
                await asyncio.sleep(0)
            body = _Body(chunks, gzipped=hdrs.CONTENT_ENCODING in headers)
            await self._stream(request, response, body)
        except ConnectionError:
            logger.debug("a client left during a scrape", extra={"client": request.remote})
            abort(request)
            return response
        except TimeoutError:
            logger.warning(
                "a client took a scrape too slowly and was disconnected",
                extra={"client": request.remote},
            )
            abort(request)
            return response
        except Exception:
            logger.exception("a scrape failed")
            if not response.prepared:
                return web.Response(status=500, text="The exposition failed; the log says why.\n")
            abort(request)
            return response
        except asyncio.CancelledError:
            abort(request)  # the grace at shutdown is over
            raise
        self._on_scrape(time.perf_counter() - started, body.size, form)
        return response

    async def _stream(
        self, request: web.Request, response: web.StreamResponse, body: _Body
    ) -> None:
        data = await self._batch(body)
        if (transport := request.transport) is None:
            raise ConnectionResetError
        if body.complete:
            response.content_length = len(data)
        transport.set_write_buffer_limits(high=UNSENT)
        await response.prepare(request)
        while True:
            if data:
                async with asyncio.timeout(self._write_timeout):
                    await response.write(data)
            if body.complete:
                break
            data = await self._batch(body)
        # A scrape has ended, and is safe from a shutdown, once the kernel has all of it.
        transport.set_write_buffer_limits(high=0)
        async with asyncio.timeout(self._write_timeout):
            await response.write_eof()

    async def _batch(self, body: _Body) -> bytes:
        async with self._turn:
            data = body.batch()
            await asyncio.sleep(0)
        return data

    def _refuse(self) -> web.Response:
        if not self._refusing:
            logger.warning(
                "too many scrapes at once, refusing some", extra={"limit": self._max_scrapes}
            )
            self._refusing = True
        return web.Response(
            status=503,
            text=f"Limit of concurrent scrapes reached ({self._max_scrapes}), try again later.\n",
        )
