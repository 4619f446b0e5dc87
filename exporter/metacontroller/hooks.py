"""What each hook does with a call, and what it answers: nothing that changes the cluster.

An answer to a DecoratorController has no labels, annotations or status, which metacontroller takes
as "leave them", and its attachments as they were. A CompositeController has no such answer: it
writes whatever status it is given, also none, and what is repeated to it may be old by then. It is
answered 429, upon which metacontroller does nothing and calls again later.

With ``finalize`` an object is released once its end is in the ledger's file. Where that cannot be
had within ``RELEASE_AFTER``, it is released all the same, and said so: monitoring never blocks
archiving for good.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from exporter.metacontroller.request import HookRequest, InvalidRequestError, read_request
from exporter.metacontroller.rounds import Rounds
from exporter.metacontroller.source import HookSource
from exporter.resources.crawljob import CrawlJob
from exporter.resources.identity import Key, crawl_id, identity, key_of

logger = logging.getLogger(__name__)

RELEASE_AFTER: Final = 600.0
"""Seconds from the first call to finalize that found no way to the disk."""
ASK_AGAIN: Final = 5.0
"""Seconds until a call to finalize that was answered no is made again."""
_TICK: Final = 1.0
"""Seconds between two looks at the rounds."""
_SAY_CURRENT_EVERY: Final = 5.0
"""Seconds."""
_SILENT: Final = "metacontroller does not call any more"


class Hook(Enum):
    """Each is a path and a label value."""

    SYNC = "sync"
    FINALIZE = "finalize"
    CUSTOMIZE = "customize"


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
    """No call of metacontroller's: answered with a status of 4xx."""


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

    flush: Callable[[], bool]
    """Write what is not on disk yet; whether all is, now."""
    has_end: Callable[[str], bool]
    """Whether the end of the object with this uid was recorded."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back: JSON or, where that is None, the request to come again later."""

    json: Mapping[str, Any] | None
    retry_after: float = 0.0


class _Scope:
    """One scope's CrawlJobs, what is related to them, and their rounds."""

    def __init__(
        self, jobs: HookSource[CrawlJob], parts: Sequence[HookSource[Any]], rounds: Rounds
    ) -> None:
        self.jobs = jobs
        self.parts = {part.resource.kind: part for part in parts}
        self.rounds = rounds
        self.related: set[str] = set()
        """The kinds that came, with or without objects."""
        self.keys: dict[tuple[str, str], set[Key]] = {}
        """What each crawl has of each kind."""


class Hooks:
    """Takes calls, each whole before the next; run ``run`` beside it, on the same event loop."""

    def __init__(
        self,
        settings: HookSettings,
        record: Record,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``clock`` is one that nobody sets."""
        self.requests: Counter[tuple[str, str]] = Counter(
            {(hook.value, outcome.value): 0 for hook in Hook for outcome in Outcome}
        )
        """By hook and outcome."""
        self.unrecorded_releases = 0
        """Objects released before their end was on disk."""
        self._settings = settings
        self._record = record
        self._now = clock
        self._scopes: dict[str, _Scope] = {}
        self._first_asked: dict[str, float] = {}

    def follow(
        self, jobs: HookSource[CrawlJob], parts: Sequence[HookSource[Any]], rounds: Rounds
    ) -> None:
        """Feed the sources of one scope."""
        self._scopes[jobs.scope] = _Scope(jobs, parts, rounds)

    def call(self, hook: Hook, body: bytes) -> Answer:
        """Handle one call. Raises InvalidRequestError, which is counted."""
        try:
            request = read_request(body)
        except InvalidRequestError:
            self.refused(hook)
            raise
        match hook:
            case Hook.SYNC:
                outcome, answer = self._sync(request)
            case Hook.FINALIZE:
                outcome, answer = self._finalize(request)
            case Hook.CUSTOMIZE:
                outcome, answer = self._customize(request)
        self._count(hook, outcome)
        return answer

    def refused(self, hook: Hook) -> None:
        """Count a call that was none."""
        self._count(hook, Outcome.REFUSED)

    async def run(self) -> None:
        """Look at the rounds until cancelled."""
        said = 0.0
        while True:
            now = self._now()
            say = now - said >= _SAY_CURRENT_EVERY
            said = now if say else said
            for scope in self._scopes.values():
                self._look(scope, now, say=say)
            await asyncio.sleep(_TICK)

    # -- hooks

    def _sync(self, request: HookRequest) -> tuple[Outcome, Answer]:
        answer = self._unchanged(request)
        found = self._read(request)
        if found is None:
            return Outcome.IGNORED, answer
        scope, job = found
        uid = identity(job)
        if request.is_being_deleted and (scope.jobs.is_released(job) or self._has_ended(job)):
            return Outcome.OUTDATED, answer
        taken = self._take(scope, job, request)
        self._first_asked.pop(uid, None)
        return Outcome.TAKEN if taken else Outcome.OUTDATED, answer

    def _finalize(self, request: HookRequest) -> tuple[Outcome, Answer]:
        release = self._unchanged(request, finalized=True)
        found = self._read(request)
        if found is None:
            return Outcome.IGNORED, release
        scope, job = found
        known = scope.jobs.is_released(job) or self._has_ended(job)
        if not known:
            self._take(scope, job, request)
            # No bound: until the operator is through, its own finalizer keeps the object anyway.
            if self._settings.finalize and request.operator_has_not_finished:
                return Outcome.WAITING, self._unchanged(request, finalized=False)
            scope.jobs.release(job)
            self._forget_parts(scope, job)
        elif not scope.jobs.is_released(job):
            scope.jobs.mark_released(job)
        recorded = self._record.flush()
        uid, now = identity(job), self._now()
        if self._settings.finalize and not recorded:
            if now - self._first_asked.setdefault(uid, now) < RELEASE_AFTER:
                return Outcome.WAITING, self._unchanged(request, finalized=False)
            self.unrecorded_releases += 1
            logger.error(
                "crawl %s in %s is released, and its end is not on disk: the ledger could not be "
                "written for %d s",
                crawl_id(job), job.metadata.namespace, RELEASE_AFTER,
            )  # fmt: skip
        self._first_asked.pop(uid, None)
        return (Outcome.OUTDATED if known else Outcome.TAKEN), release

    def _customize(self, request: HookRequest) -> tuple[Outcome, Answer]:
        """Ask for what belongs to the crawl, in its own namespace: the hook's version 1."""
        rules: list[dict[str, Any]] = []
        scope = self._scope_of(request)
        job = None if scope is None else scope.jobs.read(request.object)
        if scope is not None and job is not None:
            labels = {"matchLabels": {"crawl": crawl_id(job)}}
            for part in scope.parts.values():
                resource = part.resource
                version = "/".join(filter(None, (resource.group, resource.version)))
                rules.append(
                    {"apiVersion": version, "resource": resource.plural, "labelSelector": labels}
                )
        outcome = Outcome.IGNORED if job is None else Outcome.TAKEN
        return outcome, Answer({"relatedResources": rules})

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

    # -- objects

    def _scope_of(self, request: HookRequest) -> _Scope | None:
        if request.kind != "CrawlJob":
            return None
        return self._scopes.get("") or self._scopes.get(request.namespace)

    def _read(self, request: HookRequest) -> tuple[_Scope, CrawlJob] | None:
        scope = self._scope_of(request)
        job = None if scope is None else scope.jobs.read(request.object)
        return None if scope is None or job is None else (scope, job)

    def _has_ended(self, job: CrawlJob) -> bool:
        return self._record.has_end(identity(job))

    def _take(self, scope: _Scope, job: CrawlJob, request: HookRequest) -> bool:
        """What is related goes first: an eviction is known when the crawl shows what it did."""
        if scope.jobs.is_older(job):
            scope.jobs.stats.stale_events += 1
            return False
        now = self._now()
        known = len(scope.jobs.objects)
        for kind, objects in request.related.items():
            part = scope.parts.get(kind)
            if part is not None:
                scope.related.add(kind)
                self._take_part(scope, job, part, objects)
        taken = scope.jobs.told(job, now)
        scope.rounds.called(identity(job), now, new=len(scope.jobs.objects) > known)
        return taken

    def _take_part(
        self, scope: _Scope, job: CrawlJob, part: HookSource[Any], objects: list[dict[str, Any]]
    ) -> None:
        seen: set[Key] = set()
        for one in objects:
            item = part.read(one)
            if item is not None and item.metadata.namespace == job.metadata.namespace:
                seen.add(key_of(item))
                part.told(item, self._now())
        of_crawl = (identity(job), part.resource.kind)
        for key in scope.keys.get(of_crawl, set()) - seen:
            part.vanished(key)
        scope.keys[of_crawl] = seen

    def _forget_parts(self, scope: _Scope, job: CrawlJob) -> None:
        """Nobody will tell any more what is related to a crawl that is gone."""
        for kind, part in scope.parts.items():
            for key in scope.keys.pop((identity(job), kind), set()):
                part.vanished(key)

    # -- rounds

    def _look(self, scope: _Scope, now: float, *, say: bool) -> None:
        jobs, rounds = scope.jobs, scope.rounds
        if not jobs.synced:
            if not rounds.first_is_over(now):
                return
            jobs.complete()
            logger.info(
                "%s: CrawlJob: the first round is over, %d objects",
                f"namespace {jobs.scope}" if jobs.scope else "all namespaces", len(jobs.objects),
            )  # fmt: skip
        if len(jobs.objects) and rounds.is_silent(now):
            if jobs.vouches:
                logger.warning("%s", _SILENT)
            jobs.withdraw(_SILENT)
        else:
            told_by = rounds.told_by(now)
            if told_by is not None:
                for key in jobs.not_told_since(told_by):
                    self._vanish(scope, key)
            if say or not jobs.vouches:
                jobs.complete()
        self._look_at_parts(scope, say=say)

    def _look_at_parts(self, scope: _Scope, *, say: bool) -> None:
        jobs = scope.jobs
        for kind, part in scope.parts.items():
            if not jobs.vouches:
                part.withdraw(_SILENT)
            elif len(jobs.objects) and kind not in scope.related:
                part.withdraw("metacontroller sends none: its controller has no customize hook")
            elif say or not part.vouches:
                part.complete()

    def _vanish(self, scope: _Scope, key: Key) -> None:
        job = scope.jobs.get(key)
        scope.jobs.vanished(key)
        if job is not None:
            self._forget_parts(scope, job)

    def _count(self, hook: Hook, outcome: Outcome) -> None:
        self.requests[hook.value, outcome.value] += 1
