"""How long a crawl may be paused before Browsertrix gives it up: the one value that all go by.

No CrawlJob says it. Where Browsertrix itself is asked, its word counts, unless somebody gave
another by ``--pause-limit``: that stands, and that it differs is said.
"""

import logging
from collections.abc import Callable, Mapping

from exporter.resources.browsertrix import ServerSettings
from exporter.settings.defaults import DEFAULT_PAUSE_LIMIT

logger = logging.getLogger(__name__)


class PauseLimit:
    """The limit in force; takes what is polled of Browsertrix's settings."""

    def __init__(self, given: float | None = None) -> None:
        """``given`` in seconds wins over what Browsertrix says."""
        self.listeners: list[Callable[[], None]] = []
        """Called when ``seconds`` has changed."""
        self._given = given
        self._said: float | None = None
        self._is_known = False

    @property
    def seconds(self) -> float:
        """Given, or last said by Browsertrix, or its default."""
        if self._given is not None:
            return self._given
        return DEFAULT_PAUSE_LIMIT if self._said is None else self._said

    @property
    def differs(self) -> bool | None:
        """Whether what was given is not what Browsertrix says; None while it says nothing."""
        return self._given not in (None, self._said) if self._is_known else None

    def on_polled(self, items: Mapping[str, ServerSettings], at: float, /) -> None:  # noqa: ARG002
        """Go by what the settings say."""
        said = next((one.pause_limit for one in items.values()), None)
        self._is_known = said is not None
        if said is None or said == self._said:
            return
        before, self._said = self.seconds, said
        if self.differs:
            logger.warning(
                "--pause-limit is not what Browsertrix says; it counts all the same",
                extra={"given_seconds": self._given, "browsertrix_seconds": said},
            )
        if self.seconds != before:
            for listener in self.listeners:
                listener()

    def on_unknown(self) -> None:
        """Go by what was said last: settings change once in a year."""
        self._is_known = False
