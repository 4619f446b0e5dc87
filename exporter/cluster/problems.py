"""What was odd about the objects that arrived, said once and counted once.

A malformed field arrives again with every event of its object, every ten seconds for days. Each
is logged and counted the first time only, and forgotten with its object, so that the log stays
readable and the memory bounded whatever arrives.
"""

import logging
from collections import Counter
from typing import Final

from exporter.resources.crawljob import CrawlJob
from exporter.resources.crawljob.derived import unknown_values
from exporter.resources.identity import Key

logger = logging.getLogger(__name__)

MOST_PER_OBJECT: Final = 100
"""Findings remembered of one object; a hostile one could have as many as it has pods."""
MOST_LOGGED: Final = 1000
"""Unknown words and unusable objects logged in the life of this process."""
_LONGEST_WORD: Final = 80


class Problems:
    """Counts since the start of the process; ``kinds`` by ``Problem.kind``, ``words`` by field."""

    def __init__(self) -> None:
        self.kinds: Counter[str] = Counter()
        self.words: Counter[str] = Counter()
        self._seen: dict[Key, set[str]] = {}
        self._logged: set[str] = set()

    def look(self, key: Key, job: CrawlJob) -> None:
        """Report what is odd about the object and was not before."""
        for problem in job.problems:
            if self._is_new(key, problem.field):
                self.kinds[problem.kind] += 1
                logger.warning(
                    "CrawlJob %s/%s: %s is left out: %s", *key, problem.field, problem.reason
                )
        for field, word in unknown_values(job):
            if self._is_new(key, f"{field}={word}"):
                self.words[field] += 1
                if self._is_unsaid(f"{field}={word}"):
                    logger.warning(
                        "CrawlJob %s/%s: %s has a word this exporter does not know, "
                        "which is served as it is: %r", *key, field, word[:_LONGEST_WORD],
                    )  # fmt: skip

    def unusable(self, namespace: str, why: str) -> None:
        """Report an object that cannot be read at all."""
        if self._is_unsaid(f"{namespace}/{why}"):
            logger.warning("CrawlJob in %s cannot be read: %s", namespace or "no namespace", why)

    def forget(self, key: Key) -> None:
        """Forget an object that is gone."""
        self._seen.pop(key, None)

    def _is_new(self, key: Key, finding: str) -> bool:
        seen = self._seen.setdefault(key, set())
        if finding in seen or len(seen) >= MOST_PER_OBJECT:
            return False
        seen.add(finding)
        return True

    def _is_unsaid(self, text: str) -> bool:
        if text in self._logged or len(self._logged) >= MOST_LOGGED:
            return False
        self._logged.add(text)
        return True
