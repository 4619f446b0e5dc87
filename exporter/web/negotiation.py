"""Content negotiation: the format by ``Accept``, gzip by ``Accept-Encoding``.

RFC 9110, sections 12.5.1 and 12.5.3: quality values, wildcards, the most specific range counts.
Our own, because a scrape must never fail over an odd header: whatever cannot be parsed is ignored,
and a client without a parsable header gets text 0.0.4, uncompressed.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

from exporter.metrics import Format

Encoding = Literal["gzip", "identity"]

LONGEST_HEADER: Final = 4096
"""Characters. Ten times what Prometheus sends, and read within milliseconds whatever it holds."""

_ESCAPING_SCHEMES: Final = frozenset({"allow-utf-8", "underscores"})
"""Those that leave our names, which need no quotes, alone; ``dots`` would double each ``_``."""


@dataclass(frozen=True, slots=True)
class MediaType:
    """What a scrape is answered with: the format, and what ``Content-Type`` calls it."""

    form: Format
    content_type: str


@dataclass(frozen=True, slots=True)
class _Offer:
    """A media type that can be served."""

    form: Format
    name: str
    versions: frozenset[str]

    def specificity(self, name: str, version: str) -> int | None:
        """How precisely a range names it, None where it does not.

        0 by ``*/*``, 1 by ``type/*``, 2 by its name, 3 by its version.
        """
        if name == self.name and not version:
            return 2
        if name == self.name and version in self.versions:
            return 3
        if name == f"{self.name.partition('/')[0]}/*":
            return 1
        return 0 if name in {"*/*", "*"} else None  # Java's URLConnection sends the short form


_TEXT: Final = _Offer(Format.TEXT, "text/plain", frozenset({"0.0.4"}))
# The same text as 0.0.4, for it differs in names that need quotes, and ours do not.
_TEXT_1: Final = _Offer(Format.TEXT, "text/plain", frozenset({"1.0.0"}))
# A client that asks for 0.0.1 alone gets 1.0.0 too, as from client libraries since 1.0.0 came out.
_OPENMETRICS: Final = _Offer(
    Format.OPENMETRICS, "application/openmetrics-text", frozenset({"0.0.1", "1.0.0"})
)


@dataclass(frozen=True, slots=True, order=True)
class _Preference:
    """The weight of an offer by one media range; the greater is preferred."""

    quality: float
    """0 (refused) to 1."""
    specificity: int
    earliness: int
    """Falls from the first range to the last."""
    escaping: str = field(compare=False, default="")
    """As it is asked for; empty where it is not."""


_UNMENTIONED: Final = _Preference(0, 0, 0)


def choose_media_type(accept: str | None) -> MediaType:
    """The format for an ``Accept`` header, and its name: OpenMetrics where preferred, else text.

    Text is 1.0.0 only where that is asked for by its version. Escaping schemes are those of
    Prometheus' content negotiation: one that cannot be had is answered by ``underscores``.
    """
    ranges = list(_ranges(accept))
    chosen, best = _TEXT, _UNMENTIONED
    for offer in (_TEXT, _TEXT_1, _OPENMETRICS):  # where all are equally welcome, the first
        preference = _decisive(offer, ranges)
        if preference.quality > 0 and preference > best:
            chosen, best = offer, preference
    return MediaType(chosen.form, _content_type(chosen, best.escaping))


def _content_type(offer: _Offer, asked: str) -> str:
    escaping = f"; escaping={asked if asked in _ESCAPING_SCHEMES else 'underscores'}"
    if offer is _TEXT_1:
        return f"text/plain; version=1.0.0; charset=utf-8{escaping}"
    # OpenMetrics knows no such parameter; Prometheus 3 asks for it by one.
    return offer.form.content_type + (escaping if offer is _OPENMETRICS and asked else "")


def choose_encoding(accept_encoding: str | None) -> Encoding:
    """The content coding for an ``Accept-Encoding`` header: gzip where it is wanted."""
    ranges: dict[str, float] = {}
    for name, _, quality, _ in _ranges(accept_encoding):
        coding = name.removeprefix("x-")
        ranges[coding] = max(quality, ranges.get(coding, 0))
    anything = ranges.get("*", 0)
    gzip = ranges.get("gzip", anything)
    # Identity without a mention is acceptable (RFC 9110), but the client did not ask for it.
    identity = ranges.get("identity", 0)
    return "gzip" if gzip > 0 and gzip >= identity else "identity"


def _decisive(
    offer: _Offer, ranges: Iterable[tuple[str, dict[str, str], float, int]]
) -> _Preference:
    """The most specific range decides about an offer, even if it is the one that refuses it."""
    preferences = (
        _Preference(quality, specificity, earliness, parameters.get("escaping", ""))
        for name, parameters, quality, earliness in ranges
        if (specificity := offer.specificity(name, parameters.get("version", ""))) is not None
    )
    return max(
        preferences,
        key=lambda one: (one.specificity, one.quality, one.earliness),
        default=_UNMENTIONED,
    )


def _ranges(header: str | None) -> Iterator[tuple[str, dict[str, str], float, int]]:
    """Name, parameters, quality and earliness of each range of a header that can be parsed."""
    if not header or len(header) > LONGEST_HEADER:
        return
    for place, item in enumerate(header.lower().split(",")):
        name, *rest = item.split(";")
        pairs = (part.partition("=") for part in rest)
        parameters = {key.strip(): value.strip(' \t"') for key, _, value in pairs}
        quality = _quality(parameters.get("q", "1"))
        if quality is not None:
            yield name.strip(), parameters, quality, -place


def _quality(text: str) -> float | None:
    """A q-value, or None where it is none."""
    try:
        quality = float(text)
    except ValueError:
        return None
    return quality if 0 <= quality <= 1 else None
