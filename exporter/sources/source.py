"""What a source is: where one kind of thing about crawls comes from, and how much depends on it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from exporter.resources.resource import Resource, ResourceObject

T = TypeVar("T", bound=ResourceObject)


@dataclass(frozen=True, kw_only=True, eq=False)
class Source(Generic[T]):
    """A resource that is followed in each scope: by list and watch, or by lists alone."""

    name: str
    """In the label ``source`` of the exporter's own metrics, and in the ledger."""
    help: str
    """What is known of crawls by it; one sentence."""
    resource: Resource[T]
    required: bool
    """Whether the exporter is ready only with it. Any other may fail for ever: what it would say
    is unknown then, and nothing else."""
    may_be_absent: bool = False
    """Whether it is no failure that the cluster does not have this kind of object."""
    polled: bool = False
    """Whether it can only be listed, again and again."""
    selector: str = ""
    """The labels of the objects that matter, for the API server to choose them."""
    takes_selector: bool = False
    """Whether ``--selector`` narrows it, which is about the labels of CrawlJobs."""

    @property
    def rbac_rule(self) -> dict[str, list[str]]:
        """The permission it needs, as one of a Role's ``rules``."""
        return {
            "apiGroups": [self.resource.group],
            "resources": [self.resource.plural],
            "verbs": ["list"] if self.polled else ["list", "watch"],
        }

    def selection(self, selector: str) -> str:
        """What to ask for, where ``--selector`` says so."""
        narrowed = selector if self.takes_selector else ""
        return ",".join(filter(None, (self.selector, narrowed)))


def rbac_rules(sources: Iterable[Source[Any]]) -> list[dict[str, list[str]]]:
    """The ``rules`` of a Role that lets an exporter use these sources, and do nothing else."""
    return [source.rbac_rule for source in sources]
