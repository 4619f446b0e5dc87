"""What was odd about the items that arrived, logged once and counted once.

A field that cannot be read comes again with every answer, for days.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeVar

from exporter.resources.decoding import InvalidObjectError
from exporter.resources.parsing import Problem

logger = logging.getLogger(__name__)

MOST_REMEMBERED: Final = 10_000
"""Findings of one source; beyond these nothing more is logged or counted."""

T = TypeVar("T")
Parse = Callable[[Mapping[str, Any]], tuple[T, tuple[Problem, ...]]]


class Problems:
    """Counts since the start of the process, of one source."""

    def __init__(self, source: str) -> None:
        self.kinds: Counter[str] = Counter()
        """Fields that could not be read, by ``Problem.kind``."""
        self.invalid = 0
        """Items that could not be read at all; each time that they came."""
        self._source = source
        self._seen: set[tuple[str, str]] = set()

    def reader(
        self, parse: Parse[T], fields: Iterable[str]
    ) -> Callable[[Mapping[str, Any]], T | None]:
        """Make what reads an item; where it cannot, it returns None. What is odd is reported.

        ``fields`` are all that ``kinds`` can have.
        """
        self.kinds.update(dict.fromkeys(fields, 0))

        def read(item: Mapping[str, Any]) -> T | None:
            try:
                found, problems = parse(item)
            except InvalidObjectError as error:
                self.invalid += 1
                if self._is_new("", str(error)):
                    logger.warning(
                        "an item of Browsertrix's cannot be read",
                        extra={"source": self._source, "error": str(error)},
                    )
                return None
            if problems:
                self._report(getattr(found, "id", ""), problems)
            return found

        return read

    def _report(self, item: str, problems: tuple[Problem, ...]) -> None:
        for problem in problems:
            if self._is_new(item, problem.field):
                self.kinds[problem.kind] += 1
                logger.warning(
                    "a field of Browsertrix's is left out",
                    extra={
                        "source": self._source,
                        "id": item,
                        "field": problem.field,
                        "error": problem.reason,
                    },
                )

    def _is_new(self, item: str, finding: str) -> bool:
        if (item, finding) in self._seen or len(self._seen) >= MOST_REMEMBERED:
            return False
        self._seen.add((item, finding))
        return True
