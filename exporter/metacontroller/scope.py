"""One scope's CrawlJobs and what is related to them: calls bring it, and time takes it away."""

import logging
from collections.abc import Sequence
from typing import Any, Final

from exporter.metacontroller.request import HookRequest
from exporter.metacontroller.rounds import Calls, FirstRound
from exporter.metacontroller.source import HookSource
from exporter.resources.crawljob import CrawlJob
from exporter.resources.crawljob.derived import has_ended
from exporter.resources.identity import Key, identity, key_of

logger = logging.getLogger(__name__)

_SILENT: Final = "metacontroller does not call any more"
_UNRELATED: Final = "metacontroller sends none: its controller has no customize hook"


class HookScope:
    """Feeds the sources of one scope."""

    def __init__(
        self,
        jobs: HookSource[CrawlJob],
        parts: Sequence[HookSource[Any]],
        first_round: FirstRound,
        calls: Calls,
    ) -> None:
        self.jobs = jobs
        self.parts = {part.resource.kind: part for part in parts}
        self._calls = calls
        self._first_round = first_round
        self._came: set[str] = set()
        """The kinds that came as related, with or without objects."""
        self._keys: dict[tuple[str, str], set[Key]] = {}
        """What each crawl has of each kind."""

    # -- by calls

    def take(self, job: CrawlJob, request: HookRequest, now: float) -> bool:
        """Take in what a call shows; False where nothing of the crawl is newer than was known.

        What is related goes first: an eviction is known when the crawl shows what it did.
        """
        if self.jobs.is_older(job):
            self.jobs.stats.stale_events += 1
            return False
        known = len(self.jobs.objects)
        for kind, objects in request.related.items():
            part = self.parts.get(kind)
            if part is not None:
                self._came.add(kind)
                self._take_part(job, part, objects, now)
        taken = self.jobs.told(job, now)
        self._first_round.told(identity(job), now, new=len(self.jobs.objects) > known)
        return taken

    def release(self, job: CrawlJob) -> None:
        """The crawl's object is deleted, and this is its last state."""
        self.jobs.release(job)
        self._forget_parts(job)

    def leave(self, job: CrawlJob) -> None:
        """The crawl is there, and is not told of any more; who has a record of it forgot it."""
        self.jobs.mark_released(job, deleted=False)
        self._forget_parts(job)

    def vanish(self, key: Key) -> None:
        """The object is gone, and its last state was not told."""
        job = self.jobs.get(key)
        self.jobs.vanished(key)
        if job is not None:
            self._forget_parts(job)

    def _take_part(
        self, job: CrawlJob, part: HookSource[Any], objects: list[dict[str, Any]], now: float
    ) -> None:
        seen: set[Key] = set()
        for one in objects:
            item = part.read(one)
            if item is not None and item.metadata.namespace == job.metadata.namespace:
                seen.add(key_of(item))
                part.told(item, now)
        of_crawl = (identity(job), part.resource.kind)
        for key in self._keys.get(of_crawl, set()) - seen:
            part.vanished(key)
        self._keys[of_crawl] = seen

    def _forget_parts(self, job: CrawlJob) -> None:
        """Nobody will tell any more what is related to a crawl that is gone."""
        for kind, part in self.parts.items():
            for key in self._keys.pop((identity(job), kind), set()):
                part.vanished(key)

    # -- by time

    def look(self, now: float, *, say: bool) -> None:
        """Find out what no call says; ``say`` that what is current is so."""
        jobs = self.jobs
        if not jobs.synced:
            if not self._first_round.is_over(now):
                return
            jobs.complete()
            logger.info(
                "%s: CrawlJob: the first round is over, %d objects",
                f"namespace {jobs.scope}" if jobs.scope else "all namespaces", len(jobs.objects),
            )  # fmt: skip
        is_silent = self._calls.is_silent(now)
        if is_silent and self._expects_calls():
            if jobs.vouches:
                logger.warning("%s", _SILENT)
            jobs.withdraw(_SILENT)
        else:
            # Where nobody calls and all have ended, they are deleted within a minute.
            gone_since = now if is_silent else self._calls.told_by(now)
            if gone_since is not None:
                for key in jobs.not_told_since(gone_since):
                    self.vanish(key)
            if say or not jobs.vouches:
                jobs.complete()
        self._look_at_parts(say=say)

    def _expects_calls(self) -> bool:
        """Whether there is somebody to call about: without a heartbeat, a crawl that goes on."""
        return self._calls.heartbeat or any(
            not has_ended(job) and job.metadata.deletion_timestamp is None
            for job in self.jobs.objects
        )

    def _look_at_parts(self, *, say: bool) -> None:
        for kind, part in self.parts.items():
            if not self.jobs.vouches:
                part.withdraw(_SILENT)
            elif len(self.jobs.objects) and kind not in self._came:
                part.withdraw(_UNRELATED)
            elif say or not part.vouches:
                part.complete()
