"""JSON decoded as far as Python can, and further than it would by itself.

Only what the compiled parser refused comes here, so whatever is odd about JSON comes here.
"""

import json
import re
from typing import Any, Final

_DEEPEST_READ: Final = 100
"""Levels. Kubernetes takes ten thousand, Python's parser gives up before one thousand."""
_STRUCTURE: Final = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[{\]}]', re.DOTALL)
_MOST_STRUCTURE: Final = 4_000_000
"""Strings and brackets of a text nested too deep for Python's parser: a second of the loop."""
LONGEST_NUMBER: Final = 400
"""Digits. More than a float can hold; Python refuses to read integers of thousands of digits."""


class InvalidObjectError(ValueError):
    """The object cannot be served at all; the text says why and, where known, which it is."""


def decode(data: bytes) -> Any:
    """Decode JSON text; bad UTF-8, endless numbers and too deep nesting are replaced, not refused.

    Raises InvalidObjectError for text that is no JSON.
    """
    text = data.decode("utf-8", "replace")
    try:
        try:
            return _loads(text)
        except RecursionError:
            return _loads(_shallow(text))
    except RecursionError:
        raise InvalidObjectError("JSON is nested too deep to be read") from None
    except ValueError as error:
        position = f" at character {error.pos}" if isinstance(error, json.JSONDecodeError) else ""
        raise InvalidObjectError(f"not valid JSON{position}") from None


def _loads(text: str) -> Any:
    return json.loads(text, parse_int=_bounded_int, strict=False)


def _shallow(text: str) -> str:
    """JSON text with null for what lies deeper than anybody reads; found without recursion."""
    kept: list[str] = []
    depth = start = cut = 0
    for number, match in enumerate(_STRUCTURE.finditer(text)):
        if number > _MOST_STRUCTURE:
            raise RecursionError
        if match[0] in ("[", "{"):
            depth += 1
            if depth == _DEEPEST_READ:
                cut = match.start()
        elif match[0] in ("]", "}"):
            if depth == _DEEPEST_READ:
                kept += (text[start:cut], "null")
                start = match.end()
            depth -= 1
    return "".join((*kept, text[start:]))


def _bounded_int(digits: str) -> int | float:
    return int(digits) if len(digits) <= LONGEST_NUMBER else float("inf")
