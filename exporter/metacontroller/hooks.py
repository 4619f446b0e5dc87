"""What each hook does with a call, and what it answers: nothing that changes the cluster.

An answer to a DecoratorController has no labels, annotations or status, which metacontroller takes
as "leave them", and its attachments as they were. A CompositeController has no such answer: it
writes whatever status it is given, also none, and what is repeated to it may be old by then. It is
answered 429, upon which metacontroller does nothing and calls again later.

With ``finalize`` an object is released once its end is in the ledger's file, and the disk has it.
Where that cannot be had within ``RELEASE_AFTER``, or the object cannot be read at all, it is
released all the same, and said so: monitoring never blocks archiving for good.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from exporter.metacontroller.request import HookRequest, read_request
from exporter.metacontroller.rounds import Calls
from exporter.metacontroller.scope import HookScope
from exporter.resources.crawljob import CrawlJob
from exporter.resources.identity import crawl_id, identity

logger = logging.getLogger(__name__)

RELEASE_AFTER: Final = 600.0
"""Seconds from the first call to finalize that found no way to the disk."""
ANSWER_WITHIN: Final = 5.0
"""Seconds for the disk, of the ten that metacontroller waits."""
ASK_AGAIN: Final = 5.0
"""Seconds until a call to finalize that was answered no is made again."""
_TICK: Final = 1.0
"""Seconds between two looks at the rounds."""
_SAY_CURRENT_EVERY: Final = 5.0
"""Seconds."""


class Hook(Enum):
    """Each is a path and a label value."""

    SYNC = "sync"
    FINALIZE = "finalize"
    CUSTOMIZE = "customize"


NO_HOOK: Final = "none"
"""The label value for calls of a path that is no hook's."""


class Outcome(Enum):
    """What became of a call: the values of a label."""

    TAKEN = "taken"
    OUTDATED = "outdated"
    """No newer than what was known; every resync of an object that has not changed."""
    IGNORED = "ignored"
    """About an object that is not followed, or cannot be read."""
    WAITING = "waiting"
    """Not released yet."""
    REFUSED = "refused"
    """No call of metacontroller's, or not by who may: answered with a status of 4xx."""


class Unrecorded(Enum):
    """Why a crawl was released whose end is not in the ledger: the values of a label."""

    UNWRITTEN = "unwritten"
    """The ledger could not be written."""
    UNREADABLE = "unreadable"
    """The CrawlJob could not be read."""


@dataclass(frozen=True, slots=True)
class HookSettings:
    """What is set about the hooks."""

    resync_period: float
    """Seconds after which metacontroller is asked to call again."""
    finalize: bool = False
    """Whether an end is on disk before its object is released."""


@dataclass(frozen=True, slots=True)
class Record:
    """What the hooks need of the ledger."""

    sync: Callable[[], Awaitable[bool]]
    """Have the disk keep what was recorded; whether it has all, now."""
    has_end: Callable[[str], bool]
    """Whether the end of the object with this uid was recorded."""
    leave: Callable[[Iterable[str]], None]
    """Forget in silence objects that are there, by uid."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back: JSON or, where that is None, the request to come again later."""

    json: Mapping[str, Any] | None
    retry_after: float = 0.0


class Hooks:
    """Takes calls; run ``run`` beside it, on the same event loop."""

    def __init__(
        self,
        settings: HookSettings,
        record: Record,
        calls: Calls,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``clock`` is one that nobody sets."""
        self.requests: Counter[tuple[str, str]] = Counter(
            {(hook.value, outcome.value): 0 for hook in Hook for outcome in Outcome}
            | {(NO_HOOK, Outcome.REFUSED.value): 0}
        )
        """By hook and outcome."""
        self.last_request = time.time()
        """When somebody called who could be understood, in seconds since 1970; the start before."""
        self.unrecorded_releases: Counter[str] = Counter({reason.value: 0 for reason in Unrecorded})
        """Crawls released whose end is not in the ledger, by reason."""
        self._settings = settings
        self._record = record
        self._calls = calls
        self._now = clock
        self._scopes: dict[str, HookScope] = {}
        self._first_asked: dict[str, float] = {}

    def follow(self, scope: HookScope) -> None:
        """Feed the sources of one scope."""
        self._scopes[scope.jobs.scope] = scope

    async def call(self, hook: Hook, body: bytes) -> Answer:
        """Handle one call. Raises InvalidRequestError; who answers says so by ``refused``."""
        request = read_request(body)
        self.last_request = time.time()
        self._calls.called(self._now())
        if request.kind != "CrawlJob":
            self._calls.heartbeat = True
        match hook:
            case Hook.SYNC:
                outcome, answer = self._sync(request)
            case Hook.FINALIZE:
                outcome, answer = await self._finalize(request)
            case Hook.CUSTOMIZE:
                outcome, answer = self._customize(request)
        self._count(hook, outcome)
        return answer

    def refused(self, hook: Hook | None) -> None:
        """Count a call that was none; None is of no hook that there is."""
        self.requests[hook.value if hook else NO_HOOK, Outcome.REFUSED.value] += 1

    async def run(self) -> None:
        """Look at what time says until cancelled."""
        said = 0.0
        while True:
            now = self._now()
            say = now - said >= _SAY_CURRENT_EVERY
            said = now if say else said
            self.look(now, say=say)
            await asyncio.sleep(_TICK)

    def look(self, now: float, *, say: bool) -> None:
        """Find out what no call says; ``say`` that what is current is so."""
        for scope in self._scopes.values():
            scope.look(now, say=say)

    def waits(self, now: float) -> bool:
        """Whether a first round is to be waited for: somebody calls, or may still begin to."""
        return not self._calls.never or now < self._calls.wait_ends

    # -- hooks

    def _sync(self, request: HookRequest) -> tuple[Outcome, Answer]:
        answer = self._unchanged(request)
        found = self._read(request)
        if found is None:
            return Outcome.IGNORED, answer
        scope, job = found
        if request.is_being_deleted and self._is_over(scope, job):
            return Outcome.OUTDATED, answer
        taken = scope.take(job, request, self._now())
        self._first_asked.pop(identity(job), None)
        return (Outcome.TAKEN if taken else Outcome.OUTDATED), answer

    async def _finalize(self, request: HookRequest) -> tuple[Outcome, Answer]:
        release = self._unchanged(request, finalized=True)
        scope = self._scope_of(request)
        if scope is None:
            return Outcome.IGNORED, release
        job = scope.jobs.read(request.object)
        if job is None:
            self._release_unreadable(scope, request)
            return Outcome.IGNORED, release
        if not request.is_being_deleted:
            # The controller's selector does not select it any more.
            if not scope.jobs.is_older(job):
                self._record.leave([identity(job)])
                scope.leave(job)
            return Outcome.IGNORED, release
        known = self._is_over(scope, job)
        if not known:
            scope.take(job, request, self._now())
            # No bound: until the operator is through, its own finalizer keeps the object anyway.
            if self._settings.finalize and request.operator_has_not_finished:
                return Outcome.WAITING, self._unchanged(request, finalized=False)
            scope.release(job)
        elif not scope.jobs.is_deleted(job):
            scope.jobs.mark_released(job)
        if self._settings.finalize and not await self._is_on_disk(job):
            return Outcome.WAITING, self._unchanged(request, finalized=False)
        return (Outcome.OUTDATED if known else Outcome.TAKEN), release

    def _customize(self, request: HookRequest) -> tuple[Outcome, Answer]:
        """Ask for what belongs to the crawl, in its own namespace: the hook's version 1."""
        rules: list[dict[str, Any]] = []
        found = self._read(request)
        if found is None:
            return Outcome.IGNORED, Answer({"relatedResources": rules})
        scope, job = found
        labels = {"matchLabels": {"crawl": crawl_id(job)}}
        for part in scope.parts.values():
            resource = part.resource
            version = "/".join(filter(None, (resource.group, resource.version)))
            rules.append(
                {"apiVersion": version, "resource": resource.plural, "labelSelector": labels}
            )
        return Outcome.TAKEN, Answer({"relatedResources": rules})

    def _unchanged(self, request: HookRequest, *, finalized: bool | None = None) -> Answer:
        """Leave all as it is, but for the finalizer that is this hook's own."""
        period = ASK_AGAIN if finalized is False else self._settings.resync_period
        if request.composite and not finalized:
            return Answer(None, retry_after=period)
        name = "children" if request.composite else "attachments"
        answer: dict[str, Any] = {name: request.children}
        if request.composite and isinstance(request.object.get("status"), dict):
            answer["status"] = request.object["status"]
        if not finalized:
            answer["resyncAfterSeconds"] = period
        if finalized is not None:
            answer["finalized"] = finalized
        return Answer(answer)

    # -- ends

    def _is_over(self, scope: HookScope, job: CrawlJob) -> bool:
        """Whether the end of an object that is being deleted was recorded before."""
        return scope.jobs.is_deleted(job) or self._record.has_end(identity(job))

    async def _is_on_disk(self, job: CrawlJob) -> bool:
        """Whether the crawl may go: its end is on disk, or could not be written for long."""
        uid, now = identity(job), self._now()
        recorded = False
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                recorded = await self._record.sync()
        except TimeoutError:
            logger.warning("the disk of the ledger needs more than %g s for a write", ANSWER_WITHIN)
        if not recorded:
            if now - self._first_asked.setdefault(uid, now) < RELEASE_AFTER:
                return False
            self.unrecorded_releases[Unrecorded.UNWRITTEN.value] += 1
            logger.error(
                "crawl %s in %s is released, and its end is not on disk: the ledger could not be "
                "written for %d s",
                crawl_id(job), job.metadata.namespace, RELEASE_AFTER,
            )  # fmt: skip
        self._first_asked.pop(uid, None)
        return True

    def _release_unreadable(self, scope: HookScope, request: HookRequest) -> None:
        """What was known of it before has vanished."""
        if not request.is_being_deleted:
            self._record.leave([request.uid])
        scope.vanish((request.namespace, request.name))
        if self._settings.finalize and request.is_being_deleted:
            self.unrecorded_releases[Unrecorded.UNREADABLE.value] += 1
            logger.error(
                "the CrawlJob %s in %s is released, and how it ended is not recorded: it cannot be "
                "read",
                request.name, request.namespace,
            )  # fmt: skip

    def _read(self, request: HookRequest) -> tuple[HookScope, CrawlJob] | None:
        """Whose scope it is, and the CrawlJob; None where it is not followed or unreadable."""
        scope = self._scope_of(request)
        job = None if scope is None else scope.jobs.read(request.object)
        return None if scope is None or job is None else (scope, job)

    def _scope_of(self, request: HookRequest) -> HookScope | None:
        if request.kind != "CrawlJob":
            return None
        return self._scopes.get("") or self._scopes.get(request.namespace)

    def _count(self, hook: Hook, outcome: Outcome) -> None:
        self.requests[hook.value, outcome.value] += 1
