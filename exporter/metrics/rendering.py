"""From a CrawlJob to ready lines of exposition, once per change.

A scrape joins what is made here and does nothing else, so this is where the time goes: a CrawlJob
with four pods has about ninety samples. Most changes move a third of them; the fragments that would
say the same again are kept. The sample lines of the text format and of OpenMetrics are the same,
only headers differ, and both equal prometheus_client's own, byte for byte.
"""

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from prometheus_client.utils import floatToGoString

from exporter.metrics.catalog.family import (
    CrawlFamily,
    Family,
    PodFamily,
)
from exporter.resources.crawljob import CrawlJob
from exporter.resources.crawljob.pods import pods_of
from exporter.resources.identity import CRAWL_LABELS, POD_LABELS, crawl_id, org_id


def number(value: float) -> bytes:
    """Write a value and the end of its line, as prometheus_client does."""
    return _NUMBERS[value]


class _Numbers(dict[float, bytes]):
    """Numbers as they end a line, remembered: most come up again and again.

    Negative zero is written as zero: to a dict they are the same.
    """

    _MOST: Final = 20_000

    def __missing__(self, value: float) -> bytes:
        if len(self) >= self._MOST:
            self.clear()
        written = self[value] = f"{_written(value)}\n".encode()
        return written


def _written(value: float) -> str:
    """Write a number as ``floatToGoString`` does; nearly all are written faster here."""
    if _LOWEST <= value < 1e6:
        return repr(value + 0.0)
    if value < 1e15 and value == (whole := int(value)):
        digits = str(whole)
        mantissa = f"{digits[0]}.{digits[1:]}"
        if digits[-1] == "0":
            mantissa = mantissa.rstrip("0.")
        return f"{mantissa}{_EXPONENTS[len(digits)]}"
    text: str = floatToGoString(value)  # type: ignore[no-untyped-call]
    return text


_NUMBERS: Final = _Numbers()
_LOWEST: Final = -sys.float_info.max
_EXPONENTS: Final = [f"e+{digits - 1:02d}" for digits in range(17)]


def escaped(text: str) -> str:
    """A label's value as it stands between quotes."""
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def line(family: Family, words: Sequence[str], value: float) -> bytes:
    """One sample line of any family; ``words`` are its labels' values, in the family's order."""
    pairs = sorted(zip(family.labels, words, strict=True))
    labels = ",".join(f'{label}="{_word(word)}"' for label, word in pairs)
    return f"{family.name}{{{labels}}} ".encode() + number(value)


def _word(word: str | int | None) -> str:
    return "" if word is None else escaped(str(word))


@dataclass(slots=True)
class _LabelSet:
    """Whose sample it is, as labels."""

    labels: bytes
    """All of them and the closing brace, with what precedes the value."""
    crawl: str
    """The first of them alone; a family's own labels may be sorted between it and the rest."""
    rest: str


@dataclass(slots=True)
class _JobLabels:
    """The crawl and its pods: whose samples a CrawlJob's are."""

    who: tuple[Any, ...]
    """What the labels were made of: as long as it is the same, so are they."""
    crawl: _LabelSet
    pods: list[_LabelSet]
    existing: list[_LabelSet]


@dataclass(slots=True)
class Rendered:
    """One CrawlJob as it is served, and what it was made from."""

    fragments: tuple[bytes, ...]
    """Lines, a fragment for each crawl family, then for each pod family."""
    since: tuple[float | None, ...]
    """From when each family that depends on the clock counts; None where the clock stands still."""
    labels: _JobLabels
    samples: list[Any]
    """What each fragment says."""


class Renderer:
    """Renders CrawlJobs for a choice of families."""

    def __init__(self, families: Iterable[Family]) -> None:
        chosen = tuple(families)
        crawl = tuple(f for f in chosen if isinstance(f, CrawlFamily))
        pod = tuple(f for f in chosen if isinstance(f, PodFamily))
        self.families: tuple[CrawlFamily | PodFamily, ...] = (*crawl, *pod)
        """Whose fragments there are, in this order."""
        self._crawl_readers = [_reader(f) for f in crawl]
        self._crawl_writers = [_writer(f) for f in crawl]
        self._pod_readers = [
            (read, of_deleted, [f.place for f in group])
            for (read, of_deleted), group in groupby(pod, lambda f: (f.read, f.of_deleted_pods))
        ]
        self._pod_writers = [(_pod_writer(f), f.of_deleted_pods) for f in pod]
        self._clocks = [f.since for f in crawl if f.since]
        self.clocks = len(self._clocks)
        """How many families depend on the clock."""

    def render(self, job: CrawlJob, before: Rendered | None = None) -> Rendered:
        """Render all samples of a CrawlJob, keeping the fragments that are as they were ``before``.

        Of a sample that depends on the clock only the part before the value is there.
        """
        pods = list(pods_of(job))
        existing = [pod for pod in pods if pod.exists]
        of_crawl: list[Any] = [read(job) for read in self._crawl_readers]
        of_pods: list[Any] = []
        for read, of_deleted, places in self._pod_readers:
            columns = list(zip(*map(read, pods if of_deleted else existing), strict=True))
            of_pods += [columns[place] for place in places] if columns else [()] * len(places)
        samples = of_crawl + of_pods
        who = (
            job.metadata.namespace,
            org_id(job),
            crawl_id(job),
            [(pod.name, pod.exists) for pod in pods],
        )
        if before is None or before.labels.who != who:
            labels = _job_labels(who)
            fragments = [
                write(labels.crawl, says)
                for write, says in zip(self._crawl_writers, of_crawl, strict=True)
            ]
            fragments += [
                write(labels.pods if gone else labels.existing, says)
                for (write, gone), says in zip(self._pod_writers, of_pods, strict=True)
            ]
        else:
            labels = before.labels
            past = zip(samples, before.samples, before.fragments, strict=True)
            fragments = [
                fragment if says == said else write(labels.crawl, says)
                for write, (says, said, fragment) in zip(self._crawl_writers, past, strict=False)
            ]
            fragments += [
                fragment if says == said else write(labels.pods if gone else labels.existing, says)
                for (write, gone), (says, said, fragment) in zip(
                    self._pod_writers, past, strict=False
                )
            ]
        since = tuple([clock(job) for clock in self._clocks])
        return Rendered(tuple(fragments), since, labels, samples)


def _job_labels(who: tuple[Any, ...]) -> _JobLabels:
    namespace, oid, crawl, pods = who
    first = f'crawl="{escaped(crawl)}"'
    rest = f'namespace="{escaped(namespace)}",oid="{escaped(oid)}"'
    label_set, existing = [], []
    for name, exists in pods:
        pod = f'{rest},pod="{escaped(name)}"'
        label_set.append(_LabelSet(f"{{{first},{pod}}} ".encode(), first, pod))
        if exists:
            existing.append(label_set[-1])
    return _JobLabels(
        who, _LabelSet(f"{{{first},{rest}}} ".encode(), first, rest), label_set, existing
    )


def _reader(family: CrawlFamily) -> Callable[[CrawlJob], Any]:
    value, since = family.value, family.since
    if since is None:
        return value
    return lambda job: value(job) if since(job) is None else _TICKING


_TICKING: Final = "ticking"
"""Read where the value depends on the clock."""


def _writer(family: CrawlFamily) -> Callable[[_LabelSet, Any], bytes]:
    """Make what writes a crawl's line from a sample."""
    name = family.name.encode()
    if family.labels != CRAWL_LABELS:
        write = _labelled(family)
        return lambda label_set, sample: b"" if sample is None else write(label_set, sample)
    if family.since is not None:
        return lambda label_set, sample: (
            b""
            if sample is None
            else name + label_set.labels
            if sample is _TICKING
            else name + label_set.labels + number(sample)
        )
    return lambda label_set, sample: (
        b"" if sample is None else name + label_set.labels + (_NUMBERS[sample])
    )


def _pod_writer(family: PodFamily) -> Callable[[Sequence[_LabelSet], Sequence[Any]], bytes]:
    """Make what writes the lines of all pods from their samples; most of the time goes here."""
    name = family.name.encode()
    if family.labels != POD_LABELS:
        write = _labelled(family)
        return lambda labels, samples: b"".join(
            [
                write(label_set, sample)
                for label_set, sample in zip(labels, samples, strict=True)
                if sample is not None
            ]
        )

    def plain(labels: Sequence[_LabelSet], samples: Sequence[Any]) -> bytes:
        if samples.count(None) == len(samples):  # so of every third family
            return b""
        parts = []
        for label_set, value in zip(labels, samples):  # noqa: B905 - a check costs a tenth of it
            if value is not None:
                parts.append(name)
                parts.append(label_set.labels)
                parts.append(_NUMBERS[value])
        return b"".join(parts)

    return plain


def _labelled(family: CrawlFamily | PodFamily) -> Callable[[_LabelSet, Any], bytes]:
    """Make what writes a line with labels of the family's own, which are in sorted order."""
    identity = CRAWL_LABELS if isinstance(family, CrawlFamily) else POD_LABELS
    own = family.labels[len(identity) :]
    if list(own) != sorted(own) or any("namespace" < label < max(identity) for label in own):
        raise ValueError(f"{family.name}: its own labels must be sorted, none amid the identity's")
    own_labels = _OwnLabels(own)
    name = family.name

    def write(label_set: _LabelSet, sample: Any) -> bytes:
        before, between, after = own_labels[sample[1:]]
        labels = f"{name}{{{before}{label_set.crawl}{between}{label_set.rest}{after}}} "
        return labels.encode() + number(sample[0])

    return write


class _OwnLabels(dict[tuple[str | int | None, ...], tuple[str, str, str]]):
    """Labels as they stand before the crawl's, between that and the rest, and after all.

    Remembered by their values: roles, states and reasons are a few words.
    """

    _MOST: Final = 2_000

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self._names = names

    def __missing__(self, words: tuple[str | int | None, ...]) -> tuple[str, str, str]:
        if len(self) >= self._MOST:
            self.clear()
        before, between, after = "", "", ""
        for name, word in zip(self._names, words, strict=True):
            label = f'{name}="{_word(word)}"'
            if name < CRAWL_LABELS[-1]:
                before += f"{label},"
            elif name < CRAWL_LABELS[0]:
                between += f",{label}"
            else:
                after += f",{label}"
        written = self[words] = (before, f"{between},", after)
        return written
