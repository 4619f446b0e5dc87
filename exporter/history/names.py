"""What organisations and workflows are called, as far as the ledger has crawls of them.

Names may change, so records of crawls have ids, and are shown with what is last known of these. It
stays while Browsertrix does not answer, after a workflow is deleted, and through a restart: there
is no better, and a text that loses its names for a while helps nobody. Of all others nothing is
kept but the list that was polled last, which its poller has in memory anyway: a new crawl has its
names at once.

Names are what users typed: whoever shows them escapes them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Generic, NamedTuple, Protocol, TypeVar

from exporter.resources.browsertrix import Organisation, Workflow

_MOST_AT_ONCE: Final = 400
"""Looked up in a list in one go; what they become is written with the next batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What is known of a crawl's workflow and organisation; each empty where it is not known."""

    organisation: str = ""
    slug: str = ""
    """The organisation's, in Browsertrix's addresses."""
    cid: str = ""
    """The workflow's id."""
    workflow: str = ""


class OrganisationName(NamedTuple):
    """Of one organisation; each empty where it has none."""

    name: str = ""
    slug: str = ""


WorkflowKey = tuple[str, str]
"""``oid`` and ``cid``: a CrawlJob that names another organisation's workflow has no name of it."""


class _Kept(Protocol):
    """The dictionaries of the ledger's state, and which of their keys are to be written."""

    @property
    def org_names(self) -> dict[str, OrganisationName]: ...

    @property
    def workflow_names(self) -> dict[WorkflowKey, str]: ...


class _Changed(Protocol):
    @property
    def org_names(self) -> set[str]: ...

    @property
    def workflow_names(self) -> set[WorkflowKey]: ...


K = TypeVar("K")
T = TypeVar("T")
V = TypeVar("V")


class LastKnown(Generic[K, T, V]):
    """Takes one polled list; has the name of each thing that was asked to be kept."""

    def __init__(
        self,
        find: Callable[[Mapping[str, T], K], V | None],
        kept: dict[K, V],
        changed: set[K],
    ) -> None:
        """``find`` looks up a name in the list; ``changed`` gathers what is to be written."""
        self.kept: Final = kept
        self._find = find
        self._changed = changed
        self._wanted: set[K] = set()
        self._listed: Mapping[str, T] = {}
        self._due: Iterator[K] = iter(())

    def on_polled(self, items: Mapping[str, T], at: float, /) -> None:  # noqa: ARG002 - the protocol's
        """These are named so from now on; ``keep_some`` keeps what is to be kept of it."""
        self._listed = items
        self._due = iter(tuple(self._wanted))

    def on_unknown(self) -> None:
        """Go on with what was kept."""
        self._listed = {}

    def get(self, key: K) -> V | None:
        """The name; None where it was never known."""
        found = self._find(self._listed, key)
        return self.kept.get(key) if found is None else found

    def want(self, key: K) -> None:
        """Keep the name of this one from now on."""
        if key not in self._wanted:
            self._wanted.add(key)
            self._keep(key)

    def keep_some(self) -> None:
        """Go on with keeping what was polled, about a millisecond long."""
        for key in islice(self._due, _MOST_AT_ONCE):
            self._keep(key)

    def forget(self, keys: Iterable[K]) -> None:
        """Drop these, from the file as well."""
        for key in tuple(keys):
            del self.kept[key]
            self._changed.add(key)

    def forget_unwanted(self) -> None:
        """Drop what nobody has wanted since the start."""
        self.forget(self.kept.keys() - self._wanted)

    def _keep(self, key: K) -> None:
        found = self._find(self._listed, key)
        if found is not None and self.kept.get(key) != found:
            self.kept[key] = found
            self._changed.add(key)


class KnownNames:
    """The names of all crawls in the ledger. Where ``withhold`` was called, there are none."""

    def __init__(self, kept: _Kept, changed: _Changed) -> None:
        self._withheld = False
        self.organisations: LastKnown[str, Organisation, OrganisationName] = LastKnown(
            self._of_org, kept.org_names, changed.org_names
        )
        self.workflows: LastKnown[WorkflowKey, Workflow, str] = LastKnown(
            self._of_workflow, kept.workflow_names, changed.workflow_names
        )

    @property
    def by_source(self) -> Mapping[str, tuple[LastKnown[Any, Any, Any], ...]]:
        """What takes the lists that Browsertrix is asked for, by the source's name."""
        return {"orgs": (self.organisations,), "workflows": (self.workflows,)}

    def of(self, oid: str, cid: str = "") -> Names | None:
        """The names of a crawl's workflow and organisation.

        None where nothing is known of the organisation: as in the rules' texts, a workflow alone
        is none.
        """
        org = self.organisations.get(oid)
        if org is None:
            return None
        workflow = self.workflows.get((oid, cid)) or ""
        return Names(organisation=org.name, slug=org.slug, cid=cid, workflow=workflow)

    def orgs_called(self, text: str) -> frozenset[str]:
        """The text as an id, and the ids of all that have it as name or slug, ignoring case."""
        wanted = text.casefold()
        called = {
            oid
            for oid, org in self.organisations.kept.items()
            if wanted in {org.name.casefold(), org.slug.casefold()}
        }
        return frozenset(called | {text})

    def withhold(self) -> None:
        """Forget all names, and take no more: only that an organisation is there is still known."""
        self._withheld = True
        self.organisations.forget(self.organisations.kept)
        self.workflows.forget(self.workflows.kept)

    def want(self, oid: str, cid: str) -> None:
        """The ledger has a crawl of these: keep what they are called."""
        self.organisations.want(oid)
        if cid:
            self.workflows.want((oid, cid))

    def forget_unwanted(self) -> None:
        """Drop what the ledger has no crawl of; to be called once all it has were wanted."""
        self.organisations.forget_unwanted()
        self.workflows.forget_unwanted()

    def keep_some(self) -> None:
        """To be called about once a second: a long list is not gone through at once."""
        self.organisations.keep_some()
        self.workflows.keep_some()

    def _of_org(self, listed: Mapping[str, Organisation], oid: str) -> OrganisationName | None:
        org = listed.get(oid)
        if org is None:
            return None
        return _UNNAMED if self._withheld else OrganisationName(org.name or "", org.slug or "")

    def _of_workflow(self, listed: Mapping[str, Workflow], key: WorkflowKey) -> str | None:
        workflow = listed.get(key[1])
        if workflow is None or workflow.oid != key[0] or self._withheld:
            return None
        return workflow.title


_UNNAMED: Final = OrganisationName()
