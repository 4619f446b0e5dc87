"""What each endpoint of the API answers to a user who may ask, as JSON.

Refusals are raised as ``RefusedError``, with the ``detail`` that Browsertrix gives.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from exporter.simulator.browsertrix_api.accounts import User
from exporter.simulator.browsertrix_api.database import Database
from exporter.simulator.browsertrix_api.organisation import Organisation
from exporter.simulator.browsertrix_api.refusals import RefusedError

_PAGE_SIZE: Final = 1000
_QUEUED: Final = ("starting", "waiting", "paused")
"""How the states begin that count as waiting."""


class Answers:
    """Reads one Database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def orgs(self, user: User, query: Mapping[str, str]) -> Any:
        """Organisations by name: all, or those of who is no superadmin."""
        found = [one for one in self._database.organisations.values() if _sees(user, one)]
        found.sort(key=lambda one: one.name)
        now = self._database.clock()
        return _page(found, query, lambda one: one.body(now, in_list=True))

    def org(self, user: User, oid: str) -> Any:
        """One organisation, with whether its quotas are reached."""
        return self._org(user, oid).body(self._database.clock(), in_list=False)

    def metrics(self, user: User, oid: str) -> Any:
        """What an organisation has archived."""
        organisation = self._org(user, oid)
        under_way = [one.running for one in self._database.workflows_of(oid)]
        states = [record.state for record in under_way if record is not None]
        queued = sum(state.startswith(_QUEUED) for state in states)
        return organisation.metrics(len(states) - queued, queued)

    def crawlconfigs(self, user: User, oid: str, query: Mapping[str, str]) -> Any:
        """Workflows of an organisation."""
        self._org(user, oid)
        return _page(self._database.workflows_of(oid), query, lambda one: one.body())

    def jobs(self, query: Mapping[str, str]) -> Any:
        """Background jobs; asked how they went, only those that have ended."""
        now = self._database.clock()
        jobs = list(self._database.background_jobs())
        if "success" in query:
            wanted = _flag(query["success"], "success")
            jobs = [job for job in jobs if job.success(now) is wanted]
        if "jobType" in query:
            jobs = [job for job in jobs if job.type == query["jobType"]]
        return _page(jobs, query, lambda job: job.body(now))

    def crawl(self, identity: str) -> Any:
        """One crawl's record."""
        if identity not in self._database.crawls:
            raise RefusedError(404, f"crawl_not_found: {identity}")
        return self._crawl_body(identity)

    def crawls(self, query: Mapping[str, str]) -> Any:
        """Records of crawls, of those that run unless asked otherwise."""
        running_only = _flag(query.get("runningOnly", "true"), "runningOnly")
        crawls = self._database.crawls
        found = [one for one in crawls if not running_only or crawls[one].finished is None]
        return _page(found, query, self._crawl_body)

    def _crawl_body(self, identity: str) -> dict[str, Any]:
        record = self._database.crawls[identity]
        name = self._database.workflows[record.cid].name
        return record.body(name, self._database.organisations[record.oid].name)

    def _org(self, user: User, oid: str) -> Organisation:
        organisation = self._database.organisations.get(oid)
        if organisation is None or not _sees(user, organisation):
            raise RefusedError(404, "org_not_found")
        return organisation


def _sees(user: User, organisation: Organisation) -> bool:
    return user.is_superuser or organisation.id in user.organisations


def _page(
    items: Sequence[Any], query: Mapping[str, str], body: Callable[[Any], dict[str, Any]]
) -> dict[str, Any]:
    """A page of them, from 1; beyond the last there are none."""
    page, size = _number(query, "page", 1), _number(query, "pageSize", _PAGE_SIZE)
    if page <= 0 or size <= 0:
        raise RefusedError(500, "Internal Server Error")
    part = items[(page - 1) * size : page * size]
    return {
        "items": [body(item) for item in part],
        "total": len(items),
        "page": page,
        "pageSize": size,
    }


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, str(default))
    try:
        return int(text)
    except ValueError:
        raise RefusedError(422, f"{name}: not an integer") from None


def _flag(text: str, name: str) -> bool:
    known = {"true": True, "1": True, "false": False, "0": False}
    if text.lower() not in known:
        raise RefusedError(422, f"{name}: not a boolean")
    return known[text.lower()]
