"""Labels as text, written when they change and not for each of some ninety samples of a crawl.

On the wire labels are sorted by name, as prometheus_client sorts them: those of the identity are
``crawl``, ``namespace``, ``oid`` and ``pod``, and a family's own come before, between or after.
"""

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
    identity = CRAWL_LABELS if isinstance(family, CrawlFamily) else POD_LABELS
    return family.labels[len(identity) :]


def has_whole_lines(family: CrawlFamily | PodFamily) -> bool:
    """Whether labels of its own stand before others of the identity's; else they follow them."""
    own = own_labels(family)
    return bool(own) and own[0] < max(CRAWL_LABELS)


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
        """Raises ValueError where its own labels cannot be put around the identity's."""
        self._own = _OwnLabels(family)

    def line(self, labels: bytes, sample: Any) -> bytes:
        """Write one; ``sample`` is a value and the values of the own labels.

        ``labels`` are those of the identity (``label_set``).
        """
        value, *own = sample
        before, between, after = self._own[tuple(own)]
        # No value has these characters: its quotes are escaped.
        first, _, rest = labels[1:].partition(b',namespace="')
        return b'%b%b%bnamespace="%b%b%b' % (before, first, between, rest, after, number(value))


class _OwnLabels(dict[tuple[str | int | None, ...], tuple[bytes, bytes, bytes]]):
    """The labels of a family beyond the identity's, as text, by their values.

    The text has three parts: what stands before the label ``crawl``, the family's name included,
    between it and the rest, and after all. They are remembered as ``Endings`` are.
    """

    _MOST: Final = 2_000

    def __init__(self, family: CrawlFamily | PodFamily) -> None:
        super().__init__()
        _check(family)
        self._family = family.name
        self._names = own_labels(family)

    def __missing__(self, values: tuple[str | int | None, ...]) -> tuple[bytes, bytes, bytes]:
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
        texts = self[values] = (
            f"{self._family}{{{before}".encode(),
            f"{between},".encode(),
            after.encode(),
        )
        return texts


def _check(family: CrawlFamily | PodFamily) -> None:
    own = own_labels(family)
    identity = family.labels[: -len(own)]
    amid = [name for name in own if "namespace" < name < max(identity)]
    if list(own) != sorted(own) or amid:
        raise ValueError(f"{family.name}: its own labels must be sorted, none amid the identity's")
