"""A byte stream as lines.

A watch is one JSON object a line, and an object may be of many MiB: aiohttp's own ``readline``
gives up on those. Each byte is looked at once, however many pieces a line arrives in.
"""

import re
from collections.abc import Callable, Iterator
from typing import Final

LONGEST_LINE: Final = 64 * 2**20
"""Bytes. An API server's objects end at a few MiB; beyond this, something else is talking."""


_BLANK_LINES: Final = re.compile(rb"\n[\s\n]*\n")
"""Millions of them in a piece would hold up the event loop, one by one."""


class LineDecoder:
    """Feed it the stream's pieces as they come; it yields the lines that are complete."""

    def __init__(self, skipped: Callable[[], None], longest: int = LONGEST_LINE) -> None:
        """``skipped`` is called for each line longer than ``longest`` bytes; it is left out."""
        self._skipped = skipped
        self._longest = longest
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """Take the next piece of the stream; yield each line completed by it, without its end."""
        head, *others = _BLANK_LINES.sub(b"\n", piece).split(b"\n")
        self._add(head)
        for part in others:
            line = self._finish()
            if line is not None and not line.isspace():
                yield line
            self._add(part)

    def _add(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > self._longest:
            self._parts.clear()
        elif part:
            self._parts.append(part)

    def _finish(self) -> bytes | None:
        parts, size = self._parts, self._size
        self._parts, self._size = [], 0
        if size > self._longest:
            self._skipped()
            return None
        return parts[0] if len(parts) == 1 else b"".join(parts) or None
