"""From a CrawlJob to ready lines of exposition, once per change.

A scrape joins what is made here and does nothing else, so this is where the time goes: a CrawlJob
with four pods has about ninety samples. Most changes move a third of them; the pieces that would
say the same again are kept. The sample lines of the text format and of OpenMetrics are the same,
only headers differ, and both equal prometheus_client's own, byte for byte.
"""

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from prometheus_client.utils import floatToGoString

from exporter.crawljob import CrawlJob, derived
from exporter.metrics.catalog.family import (
    CRAWL_LABELS,
    POD_LABELS,
    CrawlFamily,
    Family,
    PodFamily,
)


def number(value: float) -> str:
    """Write a value as prometheus_client's ``floatToGoString`` does, several times faster.

    Negative zero is written as zero.
    """
    if _LOWEST <= value < 1e6:
        return repr(value + 0.0)
    if value < 1e15 and value == (whole := int(value)):
        digits = str(whole)
        mantissa = f"{digits[0]}.{digits[1:]}"
        if digits[-1] == "0":
            mantissa = mantissa.rstrip("0.")
        return f"{mantissa}{_EXPONENTS[len(digits)]}"
    written: str = floatToGoString(value)  # type: ignore[no-untyped-call]
    return written


_LOWEST: Final = -sys.float_info.max
_EXPONENTS: Final = [f"e+{digits - 1:02d}" for digits in range(17)]


def escaped(text: str) -> str:
    """A label's value as it stands between quotes."""
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def line(family: Family, words: Sequence[object], value: float) -> str:
    """One sample line of any family; ``words`` are its labels' values, in the family's order."""
    return _template(family)(*map(_word, words), number(value))


def _word(word: object) -> str:
    return "" if word is None else escaped(str(word))


def _template(family: Family) -> Callable[..., str]:
    """Make what puts a family's labels and value where they belong: labels are sorted by name."""
    places = sorted((label, place) for place, label in enumerate(family.labels))
    labels = ",".join(f'{label}="{{{place}}}"' for label, place in places)
    return f"{family.name}{{{{{labels}}}}} {{{len(places)}}}\n".format


@dataclass(frozen=True, slots=True)
class Rendered:
    """One CrawlJob as it is served, and what it was made from."""

    pieces: tuple[bytes, ...]
    """Lines, a piece for each crawl family, then for each pod family."""
    since: float | None
    """From when values that depend on the clock count; None where the clock stands still."""
    owners: list[tuple[str, bool]]
    """The crawl and its pods, as labels, and whether they exist."""
    readings: list[Any]
    """What each piece says."""


_Known = tuple[str, tuple[str, ...]]
"""Whose sample it is: the labels as written, but for the closing brace, and their values."""


class Renderer:
    """Renders CrawlJobs for a choice of families."""

    def __init__(self, families: Iterable[Family]) -> None:
        chosen = tuple(families)
        crawl = tuple(f for f in chosen if isinstance(f, CrawlFamily))
        pod = tuple(f for f in chosen if isinstance(f, PodFamily))
        self.families: tuple[CrawlFamily | PodFamily, ...] = (*crawl, *pod)
        """Whose pieces there are, in this order."""
        self._crawl_readers = [_reader(f) for f in crawl]
        self._crawl_writers = [_writer(f, CRAWL_LABELS) for f in crawl]
        self._pod_readers = [(f.values, f.of_gone_pods) for f in pod]
        self._pod_writers = [(_writer(f, POD_LABELS), f.of_gone_pods) for f in pod]
        self._since = next((f.since for f in crawl if f.since), _never)
        size = len(self.families)
        self._nothing = Rendered((b"",) * size, None, [], [_UNSAID] * size)

    def render(self, job: CrawlJob, before: Rendered | None = None) -> Rendered:
        """Render all samples of a CrawlJob, keeping the pieces that are as they were ``before``.

        Of a sample that depends on the clock only the part before the value is there.
        """
        namespace = escaped(job.metadata.namespace)
        oid = escaped(derived.org_id(job))
        crawl = escaped(derived.crawl_id(job))
        labels = f'{{crawl="{crawl}",namespace="{namespace}",oid="{oid}"'
        values = (namespace, oid, crawl)
        pods = list(derived.pods(job))
        existing = [pod for pod in pods if pod.exists]
        owners = [(labels, True)]
        owners += [(f'{labels},pod="{escaped(pod.name)}"', pod.exists) for pod in pods]

        readings: list[Any] = [read(job) for read in self._crawl_readers]
        readings += [read(pods if gone else existing) for read, gone in self._pod_readers]
        if before is None or before.owners != owners:
            before = self._nothing
        past = zip(readings, before.readings, before.pieces, strict=True)
        known = (labels, values)
        pieces = [
            piece if says == said else b"" if says is None else write(known, says).encode()
            for write, (says, said, piece) in zip(self._crawl_writers, past, strict=False)
        ]
        owned = [
            (pod_labels, (*values, escaped(pod.name)))
            for pod, (pod_labels, _) in zip(pods, owners[1:], strict=True)
        ]
        owned_existing = [known for known, pod in zip(owned, pods, strict=True) if pod.exists]
        pieces += [
            piece if says == said else _piece(write, says, owned if gone else owned_existing)
            for (write, gone), (says, said, piece) in zip(self._pod_writers, past, strict=False)
        ]
        return Rendered(tuple(pieces), self._since(job), owners, readings)


_UNSAID: Final = object()
"""Equal to nothing that is read."""


def _never(_: CrawlJob) -> float | None:
    return None


def _piece(
    write: Callable[[_Known, Any], str], readings: Sequence[Any], owners: Sequence[_Known]
) -> bytes:
    return "".join(
        [
            write(known, reading)
            for known, reading in zip(owners, readings, strict=True)
            if reading is not None
        ]
    ).encode()


def _reader(family: CrawlFamily) -> Callable[[CrawlJob], Any]:
    value, since = family.value, family.since
    if since is None:
        return value
    return lambda job: value(job) if since(job) is None else _TICKING


_TICKING: Final = "ticking"
"""Read where the value depends on the clock."""


def _writer(
    family: CrawlFamily | PodFamily, identity: tuple[str, ...]
) -> Callable[[_Known, Any], str]:
    """Make what writes a family's line from a reading."""
    name = family.name
    if family.labels != identity:
        template = _template(family)
        return lambda known, reading: template(
            *known[1], *map(_word, reading[1:]), number(reading[0])
        )
    if isinstance(family, CrawlFamily) and family.since is not None:
        return lambda known, reading: (
            f"{name}{known[0]}}} "
            if reading is _TICKING
            else f"{name}{known[0]}}} {number(reading)}\n"
        )
    return lambda known, reading: f"{name}{known[0]}}} {number(reading)}\n"
