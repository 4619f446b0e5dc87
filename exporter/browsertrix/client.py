"""The client of one Browsertrix: what it polls, what it can be asked, how it is doing."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from exporter.browsertrix.api import BrowsertrixAPI
from exporter.browsertrix.http import HTTPClient, NotFoundError, RequestStats
from exporter.browsertrix.polling import Handlers, PolledSource
from exporter.browsertrix.session import Login, Session
from exporter.browsertrix.sources import all_sources
from exporter.resources.browsertrix import CrawlRecord
from exporter.resources.decoding import InvalidObjectError
from exporter.runtime.http_errors import RequestError
from exporter.runtime.tasks import SupervisedTasks


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSettings:
    """Which Browsertrix, who logs in, and what is asked."""

    url: str
    login: Login
    ca_file: Path | None = None
    """Certificate authorities (PEM) for the server's certificate, in place of the system's."""
    interval: float
    """Seconds between two lists of the organisations."""
    workflows: bool = True
    installation: bool = True
    """Whether to ask for what is no crawl's: counts of archived items, background jobs."""


class BrowsertrixClient:
    """Polls once it is started; ``close`` it when its tasks have ended."""

    def __init__(self, settings: ClientSettings, handlers: Handlers) -> None:
        """Read all files; nothing is sent yet.

        Raises HTTPClientConfigError where a file cannot be used.
        """
        self._http = HTTPClient(settings.url, settings.ca_file)
        self._session = Session(self._http, settings.login)
        self._api = BrowsertrixAPI(self._http, self._session)
        self.sources: Sequence[PolledSource[Any]] = all_sources(
            self._api,
            settings.interval,
            handlers,
            workflows=settings.workflows,
            installation=settings.installation,
        )
        self._organisations = self.sources[0]

    @property
    def login_refused(self) -> bool:
        """Whether nothing is asked until the login's file changes."""
        return self._session.refused is not None

    @property
    def requests(self) -> RequestStats:
        """Requests sent, and those that failed."""
        return self._http.stats

    def start(self, tasks: SupervisedTasks) -> None:
        """Poll, a task for each source."""
        for source in self.sources:
            tasks.start(f"polls of Browsertrix's {source.source}", source.run)

    async def crawl(self, crawl_id: str) -> CrawlRecord | None:
        """Return the record of a crawl, or None where Browsertrix says that there is none.

        Raises RequestError while it cannot be asked.
        """
        path = f"/orgs/all/crawls/{quote(crawl_id, safe='')}"
        try:
            answer = await self._api.get_object("crawl", path)
        except NotFoundError:
            return None
        try:
            record, _ = CrawlRecord.parse(answer)
        except InvalidObjectError as error:
            raise RequestError("not_json", f"the crawl's record cannot be read: {error}") from None
        if record.id != crawl_id:
            raise RequestError("not_json", "the record is another crawl's")
        return record

    def lists_organisation(self, oid: str) -> bool:
        """Return whether it was among all organisations, when they were listed last.

        Never while they are not known: not listed yet, or not for three intervals.
        """
        return oid in (self._organisations.items or ())

    async def close(self) -> None:
        """End the connections."""
        await self._http.close()
