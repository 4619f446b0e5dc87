"""What was odd about the objects that arrived, logged once and counted once.

A malformed field arrives again with every event of its object, every ten seconds for days. Each
is logged and counted the first time only, and forgotten with its object, so that the log stays
readable and the memory bounded whatever arrives.
"""

import logging
from collections import Counter
from typing import Final, Generic, TypeVar

from exporter.resources.identity import Key
from exporter.resources.resource import Resource, ResourceObject

logger = logging.getLogger(__name__)

MOST_PER_OBJECT: Final = 100
"""Findings remembered of one object; a hostile one could have as many as it has pods."""
MOST_LOGGED: Final = 1000
"""Unknown values and invalid objects logged between start and end of this process."""
_LONGEST_VALUE: Final = 80

T = TypeVar("T", bound=ResourceObject)


class Problems(Generic[T]):
    """Counts since the start of the process, of one resource in one scope."""

    def __init__(self, resource: Resource[T]) -> None:
        self.kinds: Counter[str] = Counter()
        """Malformed fields by ``Problem.kind``."""
        self.unknown_values: Counter[str] = Counter()
        """By field."""
        self._resource = resource
        self._seen: dict[Key, set[str]] = {}
        self._logged: set[str] = set()

    def report(self, key: Key, item: T) -> None:
        """Report what is odd about the object and was not before."""
        for problem in item.problems:
            if self._is_new(key, problem.field):
                self.kinds[problem.kind] += 1
                logger.warning(
                    "%s %s/%s: %s is left out: %s",
                    self._resource.kind, *key, problem.field, problem.reason,
                )  # fmt: skip
        for field, value in self._resource.unknown_values(item):
            if self._is_new(key, f"{field}={value}"):
                self.unknown_values[field] += 1
                if self._is_unlogged(f"{field}={value}"):
                    logger.warning(
                        "%s %s/%s: %s has a word this exporter does not know, "
                        "which is served as it is: %r",
                        self._resource.kind, *key, field, value[:_LONGEST_VALUE],
                    )  # fmt: skip

    def report_invalid(self, namespace: str, why: str) -> None:
        """Report an object that cannot be read at all."""
        if self._is_unlogged(f"{namespace}/{why}"):
            kind, where = self._resource.kind, namespace or "no namespace"
            logger.warning("%s in %s cannot be read: %s", kind, where, why)

    def forget(self, key: Key) -> None:
        """Forget an object that is deleted."""
        self._seen.pop(key, None)

    def _is_new(self, key: Key, finding: str) -> bool:
        seen = self._seen.setdefault(key, set())
        if finding in seen or len(seen) >= MOST_PER_OBJECT:
            return False
        seen.add(finding)
        return True

    def _is_unlogged(self, text: str) -> bool:
        if text in self._logged or len(self._logged) >= MOST_LOGGED:
            return False
        self._logged.add(text)
        return True
