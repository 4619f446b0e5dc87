"""Labels as text, written when they change and not for each of some ninety samples of a crawl.

On the wire labels are sorted by name, as prometheus_client sorts them: those of the identity are
``crawl``, ``namespace``, ``oid`` and ``pod``, and a family's own come before, between or after.
"""

from bisect import bisect
from typing import Any, Final

from exporter.metrics.catalog.family import CrawlFamily, PodFamily
from exporter.metrics.lines import label, number
from exporter.resources.identity import CRAWL_LABELS, POD_LABELS


def label_set(namespace: str, oid: str, crawl: str) -> bytes:
    """A crawl's labels and the brace before them: what stands between a name and a value."""
    labels = label("crawl", crawl), label("namespace", namespace), label("oid", oid)
    return f"{{{','.join(labels)}".encode()


def pod_label_set(crawl: bytes, pod: str) -> bytes:
    """The same of a pod of the crawl whose label set is given."""
    return b"%b,%b" % (crawl, label("pod", pod).encode())


def own_labels(family: CrawlFamily | PodFamily) -> tuple[str, ...]:
    """The names of the family's labels beyond the identity's."""
    return family.labels[len(_identity(family)) :]


def has_whole_lines(family: CrawlFamily | PodFamily) -> bool:
    """Whether labels of its own stand before others of the identity's; else they follow them."""
    own = own_labels(family)
    return bool(own) and own[0] < max(_identity(family))


def _identity(family: CrawlFamily | PodFamily) -> tuple[str, ...]:
    return CRAWL_LABELS if isinstance(family, CrawlFamily) else POD_LABELS


class Endings(dict[tuple[Any, ...], bytes]):
    """The labels of a family's own, where they follow the identity's, with the value and the end.

    By the sample: a value and the values of the labels. They are remembered, and held once, for
    roles, states and reasons are few.
    """

    _MOST: Final = 2_000

    def __init__(self, family: CrawlFamily | PodFamily) -> None:
        super().__init__()
        _check(family)
        self._names = own_labels(family)

    def __missing__(self, sample: tuple[Any, ...]) -> bytes:
        if len(self) >= self._MOST:
            self.clear()
        value, *own = sample
        text = "".join(f",{label(*pair)}" for pair in zip(self._names, own, strict=True))
        ending = self[sample] = text.encode() + number(value)
        return ending


class LineWriter:
    """Writes the lines of a family whose own labels stand before others, or between."""

    def __init__(self, family: CrawlFamily | PodFamily) -> None:
        """Raises ValueError where its own labels are not sorted."""
        self._own = _OwnLabels(family)
        # No value has these characters: its quotes are escaped.
        self._starts = [f',{name}="'.encode() for name in sorted(_identity(family))[1:]]

    def line(self, labels: bytes, sample: Any) -> bytes:
        """Write one; ``sample`` is a value and the values of the own labels.

        ``labels`` are those of the identity (``label_set``).
        """
        value, *own = sample
        before, *gaps = self._own[tuple(own)]
        parts, rest = [before], labels[1:]
        for start, gap in zip(self._starts, gaps, strict=False):
            one, _, rest = rest.partition(start)
            parts += (one, gap, start)
        return b"".join((*parts, rest, gaps[-1], number(value)))


class _OwnLabels(dict[tuple[str | int | None, ...], tuple[bytes, ...]]):
    """The labels of a family beyond the identity's, as text, by their values.

    A part for each place among the identity's labels: before the first, with the family's name,
    before the second, and so on, and after the last. They are remembered as ``Endings`` are.
    """

    _MOST: Final = 2_000

    def __init__(self, family: CrawlFamily | PodFamily) -> None:
        super().__init__()
        _check(family)
        self._family = family.name
        self._names = own_labels(family)
        self._identity = sorted(_identity(family))

    def __missing__(self, values: tuple[str | int | None, ...]) -> tuple[bytes, ...]:
        if len(self) >= self._MOST:
            self.clear()
        texts = [""] * (len(self._identity) + 1)
        for name, value in zip(self._names, values, strict=True):
            place = bisect(self._identity, name)
            written = label(name, value)
            texts[place] += f",{written}" if place else f"{written},"
        texts[0] = f"{self._family}{{{texts[0]}"
        found = self[values] = tuple(text.encode() for text in texts)
        return found


def _check(family: CrawlFamily | PodFamily) -> None:
    own = own_labels(family)
    if list(own) != sorted(own):
        raise ValueError(f"{family.name}: its own labels must be sorted")
