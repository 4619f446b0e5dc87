"""The query parameters of the page and of the JSON API: filters, sort, page.

The API answers an unknown or invalid parameter with an error; the page ignores it.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final
from urllib.parse import urlencode

from multidict import MultiMapping

SORTS: Final[Mapping[str, str]] = {
    "newest": "newest first",
    "oldest": "oldest first",
    "limits": "nearest to a limit",
    "pause": "pause expires soonest",
    "size": "largest first",
    "pages": "most pages first",
    "crawl": "by id",
}
"""Each with its description on the page."""

MAX_PER_PAGE: Final = 200
LONGEST_TEXT: Final = 200
"""Characters of a filter; the longest id is a quarter of it."""
_LAST_PAGE: Final = 1_000_000


class QueryError(Exception):
    """A parameter is unknown or wrong: one readable line says which, and what is expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Parsed parameters; an empty text filters nothing."""

    state: str = ""
    kind: str = ""
    """Of an event."""
    org: str = ""
    namespace: str = ""
    q: str = ""
    """Search terms: all must occur in ids and names of crawl, organisation, workflow, or in
    the namespace."""
    trouble: int = 0
    """1 for crawls with a pod in trouble alone."""
    sort: str = "newest"
    page: int = 1
    per_page: int = 25

    @property
    def first(self) -> int:
        """How many items come before the page."""
        return (self.page - 1) * self.per_page

    def matcher(self) -> Callable[..., bool] | None:
        """Whether texts contain all terms of ``q``, ignoring case; None where ``q`` is empty."""
        terms = self.q.casefold().split()
        if not terms:
            return None

        def matches(*texts: str) -> bool:
            text = "\n".join(texts).casefold()
            return all(term in text for term in terms)

        return matches

    def link(self, **changes: str | int) -> str:
        """The query with these changes, as the query part of a URL; ``?`` where it is empty."""
        values = asdict(self) | changes
        asked = {name: value for name, value in values.items() if value != _DEFAULTS[name]}
        return f"?{urlencode(asked)}"


_DEFAULTS: Final = asdict(Query())

CRAWLS: Final = frozenset({"state", "org", "namespace", "q", "trouble", "sort", "page", "per_page"})
FINISHED: Final = frozenset({"state", "org", "namespace", "q", "page", "per_page"})
EVENTS: Final = frozenset({"kind", "org", "namespace", "q", "page", "per_page"})
"""The parameters of each list of the API."""


def parse_strict(parameters: MultiMapping[str], allowed: frozenset[str]) -> Query:
    """Parse the parameters of the API. Raises QueryError for the first that is wrong."""
    values: dict[str, Any] = {}
    for name in dict.fromkeys(parameters):
        if name not in allowed:
            known = ", ".join(sorted(allowed))
            raise QueryError(f"{name[:LONGEST_TEXT]!r} is no parameter here; there are: {known}")
        given = parameters.getall(name)
        if len(given) > 1:
            raise QueryError(f"{name}: expected once, got {len(given)} times")
        try:
            values[name] = _READ[name](given[0])
        except ValueError as error:
            raise QueryError(f"{name}: {error}, got {given[0][:LONGEST_TEXT]!r}") from None
    return Query(**values)


def parse_lenient(parameters: MultiMapping[str]) -> Query:
    """Parse the parameters of the page; whatever is unknown or wrong is left out."""
    values: dict[str, Any] = {}
    for name in CRAWLS & parameters.keys():
        try:
            values[name] = _READ[name](parameters[name])
        except ValueError:
            continue
    return Query(**values)


def _text(text: str) -> str:
    if len(text) > LONGEST_TEXT:
        raise ValueError(f"expected at most {LONGEST_TEXT} characters")
    return text.strip()


def _sort(text: str) -> str:
    if text not in SORTS:
        raise ValueError(f"expected one of {', '.join(SORTS)}")
    return text


def _flag(text: str) -> int:
    if text not in {"0", "1"}:
        raise ValueError("expected 1 or 0")
    return int(text)


def _number(most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not (text.isascii() and text.isdecimal() and len(text) < 10 and 1 <= int(text) <= most):
            raise ValueError(f"expected a whole number from 1 to {most}")
        return int(text)

    return read


_READ: Final[Mapping[str, Callable[[str], Any]]] = {
    **dict.fromkeys(("state", "kind", "org", "namespace", "q"), _text),
    "trouble": _flag,
    "sort": _sort,
    "page": _number(_LAST_PAGE),
    "per_page": _number(MAX_PER_PAGE),
}
