"""From a crawl to ready lines of exposition, once per change.

A scrape joins what is made here and does nothing else, so this is where the time goes: a crawl with
four pods has about ninety samples. Most changes move a third of them; the fragments that would say
the same again are kept. The sample lines of the text format and of OpenMetrics are the same, only
headers differ, and both equal prometheus_client's own, byte for byte.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from exporter.crawls import Crawl
from exporter.metrics.catalog.family import CrawlFamily, Family, PodFamily
from exporter.metrics.labels import CrawlLabels, LabelSet, OwnLabels, crawl_labels
from exporter.metrics.lines import NUMBERS
from exporter.resources.crawljob.pods import pods_of
from exporter.resources.identity import CRAWL_LABELS, POD_LABELS, crawl_id, org_id


@dataclass(slots=True)
class Rendered:
    """One crawl as it is served, and what it was made from."""

    fragments: tuple[bytes, ...]
    """Lines, a fragment for each crawl family, then for each pod family."""
    since: tuple[float | None, ...]
    """From when each family that depends on the clock counts; None where the clock stands still."""
    labels: CrawlLabels
    samples: list[Any]
    """What each fragment says: of a crawl family a sample, of a pod family one for each pod."""


class Renderer:
    """Renders crawls for a choice of families; what is not chosen is not even read."""

    def __init__(self, families: Iterable[Family]) -> None:
        chosen = tuple(families)
        crawl = tuple(f for f in chosen if isinstance(f, CrawlFamily))
        pod = tuple(f for f in chosen if isinstance(f, PodFamily))
        self.families: tuple[CrawlFamily | PodFamily, ...] = (*crawl, *pod)
        """Whose fragments there are, in this order."""
        self._crawl_readers = [_reader(f) for f in crawl]
        self._pod_readers = [(f.value, f.of_deleted_pods) for f in pod]
        self._writers = [*map(_crawl_writer, crawl), *map(_pod_writer, pod)]
        self._clocks = [f.since for f in crawl if f.since]
        self.clocks = len(self._clocks)
        """How many families depend on the clock."""

    def render(self, crawl: Crawl, before: Rendered | None = None) -> Rendered:
        """Render all samples of a crawl, keeping the fragments that are as they were ``before``.

        Of a sample that depends on the clock only the part before the value is there.
        """
        job = crawl.job
        pods = list(pods_of(job))
        existing = [pod for pod in pods if pod.exists]
        samples: list[Any] = [read(crawl) for read in self._crawl_readers]
        samples += [
            tuple(map(read, pods if of_deleted else existing))
            for read, of_deleted in self._pod_readers
        ]
        identity = (
            job.metadata.namespace,
            org_id(job),
            crawl_id(job),
            [(pod.name, pod.exists) for pod in pods],
        )
        if before is None or before.labels.identity != identity:
            labels = crawl_labels(identity)
            fragments = [
                write(labels, sample) for write, sample in zip(self._writers, samples, strict=True)
            ]
        else:
            labels = before.labels
            fragments = list(before.fragments)
            for place, (now, past) in enumerate(zip(samples, before.samples, strict=True)):
                if now != past:
                    fragments[place] = self._writers[place](labels, now)
        since = tuple([clock(crawl) for clock in self._clocks])
        return Rendered(tuple(fragments), since, labels, samples)


def _reader(family: CrawlFamily) -> Callable[[Crawl], Any]:
    value, since = family.value, family.since
    if since is None:
        return value
    return lambda crawl: value(crawl) if since(crawl) is None else _TICKING


_TICKING: Final = "ticking"
"""Read where the value depends on the clock."""


def _crawl_writer(family: CrawlFamily) -> Callable[[CrawlLabels, Any], bytes]:
    """Make what writes a crawl's line from a sample."""
    if family.labels != CRAWL_LABELS:
        write = _labelled_writer(family)
        return lambda labels, sample: b"" if sample is None else write(labels.crawl, sample)
    name = family.name.encode()
    return lambda labels, sample: (
        b""
        if sample is None
        else name + labels.crawl.text + (b"" if sample is _TICKING else NUMBERS[sample])
    )


def _pod_writer(family: PodFamily) -> Callable[[CrawlLabels, Any], bytes]:
    """Make what writes the lines of all pods from their samples; most of the time goes here."""
    of_deleted = family.of_deleted_pods
    if family.labels != POD_LABELS:
        write = _labelled_writer(family)
        return lambda labels, samples: b"".join(
            [
                write(label_set, sample)
                for label_set, sample in zip(
                    labels.pods if of_deleted else labels.existing, samples, strict=True
                )
                if sample is not None
            ]
        )
    name = family.name.encode()

    def plain(labels: CrawlLabels, samples: tuple[Any, ...]) -> bytes:
        if samples.count(None) == len(samples):  # so of every third family
            return b""
        label_sets = labels.pods if of_deleted else labels.existing
        parts = []
        for label_set, value in zip(label_sets, samples):  # noqa: B905 - a check costs a tenth
            if value is not None:
                parts.append(name)
                parts.append(label_set.text)
                parts.append(NUMBERS[value])
        return b"".join(parts)

    return plain


def _labelled_writer(family: CrawlFamily | PodFamily) -> Callable[[LabelSet, Any], bytes]:
    """Make what writes a line with labels of the family's own."""
    own_labels = OwnLabels(family)
    name = family.name

    def write(label_set: LabelSet, sample: Any) -> bytes:
        before, between, after = own_labels[sample[1:]]
        labels = f"{name}{{{before}{label_set.crawl}{between}{label_set.rest}{after}}} "
        return labels.encode() + NUMBERS[sample[0]]

    return write
