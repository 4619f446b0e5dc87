"""What can happen to a crawl, each kind with what is known of it.

Small values without behaviour: ``comparison`` finds them, ``tallies`` counts them, the ledger
keeps them. ``at`` is the moment on the wire (of the exit, the pause, the end) where there is one,
and the moment of noticing where there is none; seconds since 1970.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from exporter.resources.crawljob.pods import Role


@dataclass(frozen=True, slots=True)
class CrawlEvent:
    """Something that happened to one crawl at one moment."""

    kind: ClassVar[str]
    at: float

    def detail(self) -> dict[str, Any]:
        """What is known of it beside kind and moment, as it is kept and shown.

        A class's ``__slots__`` are the fields it adds, so ``at`` is not among them.
        """
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class StateEntered(CrawlEvent):
    """The state is another one than before, or the first."""

    kind = "state entered"
    state: str
    previous: str


@dataclass(frozen=True, slots=True)
class Started(CrawlEvent):
    """It was seen waiting, and runs now for the first time."""

    kind = "started"
    waited: float | None
    """Seconds since its creation."""


@dataclass(frozen=True, slots=True)
class Canceled(CrawlEvent):
    """It was deleted without having finished: by a user, or with its organisation."""

    kind = "canceled"


@dataclass(frozen=True, slots=True)
class Finished(CrawlEvent):
    """It is over. Told once for each crawl, whatever comes after."""

    kind = "finished"
    state: str
    stop_reason: str
    lasted: float | None
    """Seconds since its creation."""
    paused: float | None
    """Seconds of the pause that the end cut short."""


@dataclass(frozen=True, slots=True)
class Vanished(CrawlEvent):
    """It is gone, and no status told its end: how it ended is unknown."""

    kind = "vanished"
    stop_reason: str


@dataclass(frozen=True, slots=True)
class PauseExpired(CrawlEvent):
    """Browsertrix ended it because it was paused for too long."""

    kind = "pause expired"


@dataclass(frozen=True, slots=True)
class Paused(CrawlEvent):
    """A pause was asked for."""

    kind = "paused"


@dataclass(frozen=True, slots=True)
class Resumed(CrawlEvent):
    """The pause was taken back."""

    kind = "resumed"
    paused: float | None
    """Seconds; None when another pause was seen without the end of the one before."""


@dataclass(frozen=True, slots=True)
class Scaled(CrawlEvent):
    """More or fewer crawlers were asked for: by ``scale`` or, newer, by ``browserWindows``."""

    kind = "scaled"
    what: str
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class PodExited(CrawlEvent):
    """A pod's container ended; ``reason`` as Browsertrix gives it, or ``evicted``."""

    kind = "pod exited"
    pod: str
    role: Role
    reason: str
    code: int | None


@dataclass(frozen=True, slots=True)
class PodEvicted(CrawlEvent):
    """The node threw the pod out."""

    kind = "pod evicted"
    pod: str
    role: Role


@dataclass(frozen=True, slots=True)
class OomKilled(CrawlEvent):
    """The kernel killed the pod's container for its memory, and it was no eviction."""

    kind = "oom kill"
    pod: str
    role: Role


@dataclass(frozen=True, slots=True)
class RestartDue(CrawlEvent):
    """Browsertrix is going to restart the pod, or (``forced``) all pods of the crawl."""

    kind = "restart"
    pod: str
    reason: str
