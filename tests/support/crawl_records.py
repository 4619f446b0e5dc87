"""Browsertrix's records of crawls, without Browsertrix: who answers as a test says."""

import asyncio
from typing import Any

from exporter.history.lookup import VanishedCrawls
from exporter.resources.browsertrix.crawl_record import CrawlRecord
from exporter.runtime.http_errors import RequestError
from exporter.simulator.apiserver.encoding import stamp
from support.crawl_history import Watch
from support.factories import OID, UPDATED_EPOCH
from support.virtual_time import now

FINISHED_AT = float(UPDATED_EPOCH + 300)
"""Five minutes before the clock of a ``Watch``."""
DOWN = RequestError("unreachable", "nobody listens")


def record_of(
    crawl: str, state: str | None, finished: float | None = FINISHED_AT, **fields: Any
) -> CrawlRecord:
    moment = None if finished is None else stamp(finished)
    said = {
        "id": crawl,
        "oid": OID,
        "state": state,
        "finished": moment,
        "stats": {"size": 1_000},
        **fields,
    }
    record, problems = CrawlRecord.parse(said)
    assert not problems
    return record


class Records:
    """Answers with the crawl's answer, else with ``otherwise``; seconds pass with each."""

    def __init__(
        self,
        answers: dict[str, CrawlRecord | None] | None = None,
        otherwise: CrawlRecord | Exception | None = DOWN,
    ) -> None:
        self.answers = answers or {}
        self.otherwise = otherwise
        self.organisations = {OID}
        """Those it has."""
        self.lasts = 0.0
        """Seconds that an answer takes."""
        self.asked: list[tuple[float, str]] = []
        """When, in seconds since the test began, and for which crawl."""

    async def crawl(self, crawl_id: str, /) -> CrawlRecord | None:
        self.asked.append((now(), crawl_id))
        await asyncio.sleep(self.lasts)
        answer = self.answers.get(crawl_id, self.otherwise)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def lists_organisation(self, oid: str, /) -> bool:
        return oid in self.organisations

    @property
    def crawls(self) -> list[str]:
        """Which were asked for, in order."""
        return [crawl for _, crawl in self.asked]


async def ask(watch: Watch, records: Records, seconds: float) -> None:
    """Let Browsertrix be asked for so long; the watch's clock goes on as well."""
    task = asyncio.create_task(VanishedCrawls(watch.ledger, records, watch.clock).run())
    until = now() + seconds
    while now() < until:
        step = min(1.0, until - now())
        await asyncio.sleep(step)
        watch.clock.now += step
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    if not task.cancelled():
        task.result()
