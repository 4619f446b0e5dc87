"""What was last handled of a crawl: its next change is compared with this, not with the object.

Far less than the object: a few hundred bytes that are written to the ledger, so that a restarted
exporter compares with what it had handled before, not with nothing. Statuses of Browsertrix step
back (a slow sync writes older values over newer ones and the next puts them right), so most of it
are high-water marks: the highest figure, the strongest stop reason, every exit by identity.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any, Final, Self

from pydantic import TypeAdapter

from exporter.crawls import Crawl
from exporter.resources.crawljob import derived
from exporter.resources.identity import crawl_id, identity, org_id

REMEMBERED: Final = 8
"""Exits and restarts kept per pod. A step back reaches one or two writes into the past; a pod
that crashes in a loop for a week must not make its crawl's baseline grow."""


@dataclass(slots=True)
class Ending:
    """How a crawl ended."""

    state: str
    stop_reason: str
    """The strongest seen; empty when none was."""
    finished: float
    """Seconds since 1970."""
    stated: bool
    """Whether a status or its record said so; otherwise it follows from the object's deletion."""
    timed: bool
    """Whether ``finished`` is what was stated rather than the last timestamp known."""


@dataclass(slots=True)
class PodBaseline:
    """What was last handled of one pod."""

    exits: list[float | str] = field(default_factory=list)
    """The last exits by identity: the exit time or, where there is none, reason and code."""
    evicted: bool = False
    recovering: bool = False
    """One status has said that the pod is no longer evicted; a second one confirms it."""
    restarts: list[str] = field(default_factory=list)
    """The last restart reasons, each with the target that makes it another one."""
    evicted_uid: str = ""
    """Of the pod whose eviction was counted last, where the pod itself has shown it."""
    unstated_since: float | None = None
    """When the pod was seen to be evicted; None once a status has said so, too."""
    evicted_at: float | None = None
    """When its last eviction was noticed; None where it was evicted before it was first seen."""
    oom_killed_at: float | None = None
    """When it was last killed for want of memory; None as for evictions."""
    crashed_at: float | None = None
    """When its last crash was."""
    exit_was_eviction: bool = False
    """Whether its last exit, which shows as out of memory, was that of an eviction."""
    backoff_since: float | None = None
    """Since when it has been waiting to be restarted after a crash; None while it is not."""
    pending: str = ""
    """The reason for which it is to be restarted; empty while there is none."""
    pending_since: float | None = None

    @property
    def is_worth_keeping(self) -> bool:
        """Whether anything is known of the pod that its next status does not say again."""
        return bool(
            self.exits
            or self.evicted
            or self.evicted_at
            or self.evicted_uid
            or self.restarts
            or self.pending
            or self.backoff_since
        )

    def remember_exit(self, identity: float | str) -> None:
        """Keep an exit from being emitted again; the oldest beyond ``REMEMBERED`` is dropped."""
        self.exits.append(identity)
        del self.exits[:-REMEMBERED]

    def remember_restart(self, identity: str) -> None:
        """Keep a restart from being emitted again; the oldest beyond ``REMEMBERED`` is dropped."""
        self.restarts.append(identity)
        del self.restarts[:-REMEMBERED]


@dataclass(slots=True)
class Baseline:
    """One crawl as last handled. Timestamps in seconds since 1970."""

    uid: str
    namespace: str
    oid: str
    crawl: str
    role: str
    """``job`` or ``qa-job``, as on the object's label."""
    cid: str = ""
    """The workflow's id; empty where the object has none."""
    version: str = ""
    """The CrawlJob's resourceVersion it includes; an older change is skipped."""
    created: float | None = None
    last_seen_alive: float = 0.0
    """The latest timestamp in the object itself: it was there at least until then."""
    state: str = ""
    """The state last entered; empty before the first."""
    state_since: float | None = None
    previous_state: str = ""
    stepping_back: bool = False
    """One status has returned to the previous state with older figures; a second confirms it."""
    started: bool = False
    """Whether it was ever seen running."""
    transition: str = ""
    """Pausing, resuming, stopping or canceling; empty while it is none."""
    transition_since: float | None = None
    progressed: float = 0.0
    """When it last finished a page or grew, or began to run; 0 before it was first seen."""
    stop_reason: str = ""
    paused_at: float | None = None
    paused_seconds: float = 0.0
    """Over all pauses that are over."""
    cancel_asked: float | None = None
    """When the object was deleted without having finished."""
    forced_restart: float | None = None
    scale: int | None = None
    browser_windows: int | None = None
    size_limit: int | None = None
    """Bytes; 0 where it has none. None where the object never said."""
    time_limit: float | None = None
    """Seconds with at least one pod; 0 and None as above."""
    exec_seconds: float = 0.0
    pages: int = 0
    size: int = 0
    last_updated: float = 0.0
    ending: Ending | None = None
    deleted: bool = False
    pods: dict[str, PodBaseline] = field(default_factory=dict)

    @classmethod
    def of(cls, crawl: Crawl) -> Self:
        """The baseline of a crawl of which nothing was handled yet."""
        job = crawl.job
        return cls(
            uid=identity(job),
            namespace=job.metadata.namespace,
            oid=org_id(job),
            crawl=crawl_id(job),
            role="qa-job" if derived.is_qa(job) else "job",
            cid=job.spec.cid or "",
            created=job.metadata.creation_timestamp,
        )

    def pack(self) -> str:
        """As JSON, for the ledger; fields with their default are left out."""
        return _ADAPTER.dump_json(self, exclude_defaults=True).decode()

    @classmethod
    def unpack(cls, text: str) -> "Baseline":
        """Read back what ``pack`` wrote; ValueError when it is anything else."""
        return _ADAPTER.validate_json(text)


_ADAPTER: Final = TypeAdapter(Baseline)

FIGURES: Final = (
    "version",
    "last_seen_alive",
    "exec_seconds",
    "pages",
    "size",
    "last_updated",
    "progressed",
)
"""What nearly every change of a crawl changes, and most change nothing else: the ledger's file has
these in a row of their own, a sixth as long."""
read_figures: Final[Callable[[Baseline], tuple[Any, ...]]] = attrgetter(*FIGURES)
read_all_but_figures: Final[Callable[[Baseline], tuple[Any, ...]]] = attrgetter(
    *(one.name for one in fields(Baseline) if one.name not in {*FIGURES, "pods"})
)
"""Of the pods ``compare_pods`` says whether they changed."""
