"""The items of a list that comes as one body, taken out one by one while it arrives.

A list that is not paged has all objects in one JSON text, 25 MB for 40,000 pods, and a parser that
is given the whole of it holds up the event loop for half a second. Here only brackets and the ends
of strings are looked at, each byte once, however the pieces are cut; what an item says is for the
compiled parser. Where items are written without spaces between, as API servers write them, and no
string has a bracket in it, the places between them are looked for instead, at a third of the cost.
All that is not an item, the envelope, is left over at the end: the same JSON text with an empty
list of items, which says whether it was a list at all.
Source: RFC 8259; brackets inside strings are the only difficulty in it.
"""

import json
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from exporter.resources.decoding import InvalidObjectError

LONGEST_ITEM: Final = 128 * 1024
"""Bytes. PodMetrics have 600, and a hundred more for each container. One of this size whose fields
are malformed by the thousand holds up the event loop for 25 ms."""
_LONGEST_ENVELOPE: Final = 16 * 1024
_DEEPEST: Final = 1000
"""Levels; nothing that is read is nested as deep."""
_BETWEEN_ITEMS: Final = b"},{"
_MOST_CANDIDATES: Final = 4
"""Places that may be the end of one item; the containers of a pod are written like items."""

_MOST_BRACKETS: Final = 200
"""Of an item that is looked at by its brackets alone."""

_BRACKETS: Final = b"[]{}"
_NOT_BRACKETS: Final = bytes(set(range(256)).difference(_BRACKETS))
_NOT_STRUCTURE: Final = bytes(set(range(256)).difference(_BRACKETS + b'"'))

_OUTSIDE: Final = rb'[^"\[\]{}]*+'
_IN_STRING: Final = rb'[^"\\]*+(?:\\.[^"\\]*+)*+'
_STRING: Final = rb'"' + _IN_STRING + rb'"'


def _over(whole: bytes) -> bytes:
    """Over any number of whole things, and what lies between them."""
    return _OUTSIDE + rb"(?:(?:" + whole + rb")" + _OUTSIDE + rb")*+"


def _bracket_after(whole: bytes) -> re.Pattern[bytes]:
    """Over whole things to what opens (group 1), closes (2), or is a string cut off (3)."""
    bracket = rb'(?:([\[{])|([\]}])|("' + _IN_STRING + rb"\\?))?"
    return re.compile(_over(whole) + bracket, re.DOTALL)


def _nested(levels: int) -> bytes:
    inner = _STRING if levels == 1 else _STRING + rb"|" + _nested(levels - 1)
    return rb"[\[{]" + _over(inner) + rb"[\]}]"


_OPENS, _CLOSES, _CUT_OFF = 1, 2, 3
_NEXT_BRACKET: Final = _bracket_after(_STRING)
_NEXT_UNBALANCED: Final = _bracket_after(_STRING + rb"|" + _nested(3))
"""The same over whole objects: two matches an item instead of twelve, which is half the time."""
_TO_END_OF_STRING: Final = re.compile(_IN_STRING + rb'("|\\?)', re.DOTALL)
_SEPARATOR: Final = re.compile(rb"[ \t\n\r]*+(,?)[ \t\n\r]*+")


class ItemSplitter:
    """Feed it the body's pieces as they come, then ask for the envelope.

    Both raise InvalidObjectError where this cannot be a list. What is not JSON in an item is found
    where that is parsed.
    """

    def __init__(self, skipped: Callable[[], None], longest: int = LONGEST_ITEM) -> None:
        """``skipped`` is called for each item longer than ``longest`` bytes; it is left out."""
        self._skipped = skipped
        self._longest = longest
        self._depth = 0
        self._in_string = False
        self._after_backslash = False
        self._in_items = False
        self._seen_items = False
        self._expects_comma = False
        self._envelope = b""
        self._parts: list[bytes] = []
        """Of the item that is not complete yet."""
        self._size = 0

    def feed(self, piece: bytes) -> list[bytes]:
        """Take the next piece of the body; return the text of each item completed by it.

        Where numbers and the like are among them, they come with the next that has brackets.
        """
        found: list[bytes] = []
        taken = 0  # up to here, the piece is in an item or in the envelope
        at = self._end_of_string(piece) if self._in_string else 0
        plain = _plain_until(piece, at)
        while not self._in_string:
            if self._in_items and self._depth == 2 and not self._size and at == taken:
                at = taken = self._take_whole(piece, at, plain, found)
            within = self._in_items and self._depth > 2
            match = (_NEXT_UNBALANCED if within else _NEXT_BRACKET).match(piece, at)
            if match is None or match.lastindex is None:
                break
            at = match.end()
            if match.lastindex == _OPENS:
                self._depth += 1
                if self._depth == 2 and self._opens_items(piece[taken:at]):
                    self._extend_envelope(piece[taken:at])
                    taken = at
                elif self._depth > _DEEPEST:
                    raise InvalidObjectError("JSON is nested too deep to be read")
            elif match.lastindex == _CLOSES:
                self._depth -= 1
                if self._in_items and self._depth <= 2:
                    end = at if self._depth == 2 else at - 1
                    self._complete(piece[taken:end], found, last=self._depth < 2)
                    taken = end
            else:
                self._in_string = True
                self._after_backslash = _ends_with_escape(match[_CUT_OFF])
        self._keep(piece[taken:])
        return found

    @property
    def envelope(self) -> bytes:
        """The body without its items; whether it is JSON, its reader finds."""
        return self._envelope

    def _end_of_string(self, piece: bytes) -> int:
        """Where the string ends that was cut off; at the end of the piece if it goes on."""
        if not piece:
            return 0
        match = _TO_END_OF_STRING.match(piece, int(self._after_backslash))
        if match is None:
            return len(piece)
        self._in_string = match[1] != b'"'
        self._after_backslash = match[1] == b"\\"
        return match.end()

    def _opens_items(self, text: bytes) -> bool:
        """Whether the bracket at the end of the text opens the list of items."""
        if not text.endswith(b"[") or _last_key(self._envelope + text + b"]}") != "items":
            return False
        if self._seen_items:
            raise InvalidObjectError("the list has its items twice")
        self._in_items = self._seen_items = True
        return True

    def _complete(self, text: bytes, found: list[bytes], *, last: bool) -> None:
        """An item has ended or, with ``last``, all of them have."""
        if self._size:
            too_long = self._size + len(text) > self._longest
            text = b"".join((*self._parts, text))
            self._parts, self._size = [], 0
        else:
            too_long = len(text) > self._longest
        if last:
            self._in_items = False
        if too_long:
            self._skipped()
            self._expects_comma = True
            return
        separator = _SEPARATOR.match(text)
        begins = separator.end() if separator else 0
        is_nothing = begins == len(text)
        has_comma = bool(separator and separator[1])
        if last and is_nothing and not has_comma:
            return
        if is_nothing or has_comma != self._expects_comma:
            raise InvalidObjectError("not valid JSON between two items")
        self._expects_comma = True
        found.append(text[begins:])

    def _take_whole(self, piece: bytes, at: int, plain: int, found: list[bytes]) -> int:
        """Take the items that are whole and written one after the other; return where they end.

        In what is plain, a bracket is one wherever it stands, and all pods have the same few.
        """
        while True:
            begin = end = at + self._expects_comma
            if piece[at : begin + 1] != (b",{" if self._expects_comma else b"{"):
                return at
            for _ in range(_MOST_CANDIDATES):
                end = piece.find(_BETWEEN_ITEMS, end, plain) + 1
                text = piece[begin:end]
                if not end or len(text) > self._longest:
                    return at
                if _is_whole(text.translate(None, _NOT_BRACKETS)):
                    break
            else:
                return at
            found.append(text)
            self._expects_comma = True
            at = end

    def _keep(self, rest: bytes) -> None:
        """The piece ends within an item, or within the envelope."""
        if not self._in_items:
            self._extend_envelope(rest)
            return
        self._size += len(rest)
        if self._size > self._longest:
            self._parts.clear()
        elif rest:
            self._parts.append(rest)

    def _extend_envelope(self, text: bytes) -> None:
        self._envelope += text
        if len(self._envelope) > _LONGEST_ENVELOPE:
            raise InvalidObjectError("the reply to a list has too much beside its items")


@lru_cache(maxsize=256)
def _is_whole(brackets: bytes) -> bool:
    """Whether these are the brackets of one object; where there are many, False."""
    if len(brackets) > _MOST_BRACKETS:
        return False
    inner, before = brackets[1:-1], b""
    while inner != before:
        before, inner = inner, inner.replace(b"{}", b"").replace(b"[]", b"")
    return not inner and brackets[-1:] == b"}"


def _plain_until(piece: bytes, at: int) -> int:
    """Up to where no string has a bracket or an escape in it; ``at`` is outside of strings.

    Of a string without brackets nothing is left but two quotes, one after the other.
    """
    if b"\\" in piece:
        return at
    left = piece[at:].translate(None, _NOT_STRUCTURE).replace(b'""', b"")
    odd = left.find(b'"')
    if odd < 0:
        return len(piece)
    return piece.rindex(b'"') if odd == len(left) - 1 else at  # of one that is cut off


def _ends_with_escape(text: bytes) -> bool:
    """Whether what follows a string's beginning is escaped."""
    return (len(text) - len(text.rstrip(b"\\"))) % 2 == 1


def _last_key(text: bytes) -> Any:
    """The last key of an object; None where the text is none."""
    try:
        pairs = json.loads(text, object_pairs_hook=list)
        return pairs[-1][0]
    except (ValueError, RecursionError, LookupError, TypeError):
        return None
