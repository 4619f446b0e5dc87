"""Labels as text, written when they change and not for each of some ninety samples of a crawl.

On the wire labels are sorted by name, as prometheus_client sorts them: those of the identity are
``crawl``, ``namespace``, ``oid`` and ``pod``, and a family's own come before, between or after.
"""

from dataclasses import dataclass
from typing import Final

from exporter.metrics.catalog.family import CrawlFamily, PodFamily
from exporter.metrics.lines import label
from exporter.resources.identity import CRAWL_LABELS, POD_LABELS

CrawlIdentity = tuple[str, str, str, list[tuple[str, bool]]]
"""Namespace, organisation, crawl; and of each pod its name and whether it exists."""


@dataclass(slots=True)
class LabelSet:
    """The labels of one crawl or pod."""

    text: bytes
    """All of them in braces, and the space: what stands between a name and a value."""
    crawl: str
    """The first of them alone: a family's own labels may be sorted between it and the rest."""
    rest: str


@dataclass(slots=True)
class CrawlLabels:
    """The label sets of a crawl and of its pods."""

    identity: CrawlIdentity
    """What they were made of: as long as it is the same, so are they."""
    crawl: LabelSet
    pods: list[LabelSet]
    """Of all pods in their order, deleted ones included."""
    existing: list[LabelSet]
    """Of those that exist."""


def crawl_labels(identity: CrawlIdentity) -> CrawlLabels:
    """Write the labels of a crawl and its pods."""
    namespace, oid, crawl, pods = identity
    first = label("crawl", crawl)
    rest = f"{label('namespace', namespace)},{label('oid', oid)}"
    of_pods = [_label_set(first, f"{rest},{label('pod', name)}") for name, _ in pods]
    existing = [label_set for label_set, (_, exists) in zip(of_pods, pods, strict=True) if exists]
    return CrawlLabels(identity, _label_set(first, rest), of_pods, existing)


def _label_set(first: str, rest: str) -> LabelSet:
    return LabelSet(f"{{{first},{rest}}} ".encode(), first, rest)


class OwnLabels(dict[tuple[str | int | None, ...], tuple[str, str, str]]):
    """The labels of a family beyond the identity's, as text, by their values.

    The text has three parts: what stands before the label ``crawl``, between it and the rest, and
    after all. They are remembered, for roles, states and reasons are few.
    """

    _MOST: Final = 2_000

    def __init__(self, family: CrawlFamily | PodFamily) -> None:
        """Raises ValueError where the family's own labels cannot be put around the identity's."""
        super().__init__()
        identity = CRAWL_LABELS if isinstance(family, CrawlFamily) else POD_LABELS
        own = family.labels[len(identity) :]
        amid = [name for name in own if "namespace" < name < max(identity)]
        if list(own) != sorted(own) or amid:
            raise ValueError(
                f"{family.name}: its own labels must be sorted, none amid the identity's"
            )
        self._names = own

    def __missing__(self, values: tuple[str | int | None, ...]) -> tuple[str, str, str]:
        if len(self) >= self._MOST:
            self.clear()
        before, between, after = "", "", ""
        for name, value in zip(self._names, values, strict=True):
            written = label(name, value)
            if name < "crawl":
                before += f"{written},"
            elif name < "namespace":
                between += f",{written}"
            else:
                after += f",{written}"
        texts = self[values] = (before, f"{between},", after)
        return texts
