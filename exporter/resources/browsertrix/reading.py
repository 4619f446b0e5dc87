"""From an item of a list of Browsertrix's API to an object, by the rules of all resources.

Only the fields that a model names are handed to the parser at all, and only the first levels of
them: an item brings people's names and addresses along, which are so never copied.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Final, Generic, TypeVar

from pydantic import AfterValidator, StringConstraints

from exporter.resources.parsing import LenientReader, Parsed, Problem

T = TypeVar("T", bound=Parsed)

Id = Annotated[str, StringConstraints(min_length=1, max_length=253)]
"""Of an organisation, a workflow, a job or a crawl; without one an object cannot be served."""

LONGEST_TITLE: Final = 200
"""Characters. A label's value of more is of no use to anybody who reads it."""


def shortened(text: str) -> str:
    """On one line, without control characters; a longer text is cut, and says so by an ellipsis."""
    text = " ".join("".join(one if one.isprintable() else " " for one in text).split())
    return text if len(text) <= LONGEST_TITLE else f"{text[: LONGEST_TITLE - 1]}…"


Title = Annotated[str, AfterValidator(shortened)] | None
"""A name that somebody gave, as it is shown: one line of at most ``LONGEST_TITLE`` characters."""


class ItemReader(Generic[T]):
    """Reads items of one model; make one for each model, for its parser is compiled here."""

    def __init__(
        self,
        model: type[T],
        *,
        keys: Mapping[tuple[str, ...], str] | None = None,
        unreadable: Mapping[tuple[str, ...], Mapping[str, Any]] | None = None,
    ) -> None:
        """``keys`` and ``unreadable`` are those of ``LenientReader``."""
        self._reader = LenientReader(
            model, keys=keys, unreadable=unreadable, required=frozenset({(), ("id",)})
        )
        self._fields = tuple(name for name in self._reader.fields if "." not in name)

    @property
    def fields(self) -> tuple[str, ...]:
        """Every value that ``Problem.kind`` can have, in the model's order."""
        return self._reader.fields

    def __call__(self, item: Mapping[str, Any]) -> tuple[T, tuple[Problem, ...]]:
        """Read one decoded item; with it comes what could not be read of it.

        Raises InvalidObjectError where it is no object or has no usable ``id``.
        """
        if not isinstance(item, Mapping):
            found = self._reader.parse_value(item)
            return found, found.problems
        known = {name: item[name] for name in self._fields if name in item}
        try:
            data = json.dumps(known).encode()
        except (RecursionError, TypeError, ValueError):  # too deep, or digits without end
            found = self._reader.parse_value(known)
        else:
            found = self._reader.parse_json(data)
        return found, found.problems
