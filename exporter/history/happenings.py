"""What can happen to a crawl, each kind with what is known of it.

Small values without behaviour: ``comparison`` finds them, ``tallies`` counts them, the ledger
keeps them. ``at`` is the moment on the wire (of the exit, the pause, the end) where there is one,
and the moment of noticing where there is none; seconds since 1970.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from exporter.crawljob.derived import Role


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that happened to one crawl at one moment."""

    kind: ClassVar[str]
    at: float

    def detail(self) -> dict[str, Any]:
        """What is known of it beside kind and moment, as it is kept and shown.

        A class's ``__slots__`` are the fields it adds, so ``at`` is not among them.
        """
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class StateEntered(Happening):
    """The state is another one than before, or the first."""

    kind = "state entered"
    state: str
    previous: str


@dataclass(frozen=True, slots=True)
class Started(Happening):
    """It was seen waiting, and runs now for the first time."""

    kind = "started"
    waited: float | None
    """Seconds since its creation."""


@dataclass(frozen=True, slots=True)
class Canceled(Happening):
    """It was deleted without having finished: by a user, or with its organisation."""

    kind = "canceled"


@dataclass(frozen=True, slots=True)
class Finished(Happening):
    """It is over. Told once for each crawl, whatever comes after."""

    kind = "finished"
    state: str
    stop_reason: str
    lasted: float | None
    """Seconds since its creation."""
    paused: float | None
    """Seconds of the pause that the end cut short."""


@dataclass(frozen=True, slots=True)
class Vanished(Happening):
    """It is gone, and no status told its end: how it ended is unknown."""

    kind = "vanished"
    stop_reason: str


@dataclass(frozen=True, slots=True)
class PauseExpired(Happening):
    """Browsertrix ended it because it was paused for too long."""

    kind = "pause expired"


@dataclass(frozen=True, slots=True)
class Paused(Happening):
    """A pause was asked for."""

    kind = "paused"


@dataclass(frozen=True, slots=True)
class Resumed(Happening):
    """The pause was taken back."""

    kind = "resumed"
    paused: float | None
    """Seconds; None when another pause was seen without the end of the one before."""


@dataclass(frozen=True, slots=True)
class Scaled(Happening):
    """More or fewer crawlers were asked for: by ``scale`` or, newer, by ``browserWindows``."""

    kind = "scaled"
    what: str
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class PodExited(Happening):
    """A pod's container ended; ``reason`` as Browsertrix gives it, or ``evicted``."""

    kind = "pod exited"
    pod: str
    role: Role
    reason: str
    code: int | None


@dataclass(frozen=True, slots=True)
class PodEvicted(Happening):
    """The node threw the pod out."""

    kind = "pod evicted"
    pod: str
    role: Role


@dataclass(frozen=True, slots=True)
class OomKilled(Happening):
    """The kernel killed the pod's container for its memory, and it was no eviction."""

    kind = "oom kill"
    pod: str
    role: Role


@dataclass(frozen=True, slots=True)
class RestartDue(Happening):
    """Browsertrix is going to restart the pod, or (``forced``) all pods of the crawl."""

    kind = "restart"
    pod: str
    reason: str
