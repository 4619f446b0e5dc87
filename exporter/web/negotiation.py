"""Content negotiation: the format by ``Accept``, gzip by ``Accept-Encoding``.

RFC 9110, sections 12.5.1 and 12.5.3: quality values, wildcards, the most specific range counts.
Our own, because a scrape must never fail over an odd header: whatever cannot be parsed is ignored,
and a client without a parsable header gets text 0.0.4, uncompressed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from exporter.metrics import Format

Encoding = Literal["gzip", "identity"]

LONGEST_HEADER: Final = 4096
"""Characters. Ten times what Prometheus sends, and read within milliseconds whatever it holds."""

_TEXT_VERSIONS: Final = frozenset({"", "0.0.4"})
# A client that asks for 0.0.1 alone gets 1.0.0 too, as from client libraries since 1.0.0 came out.
_OPENMETRICS_VERSIONS: Final = frozenset({"", "0.0.1", "1.0.0"})


@dataclass(frozen=True, slots=True, order=True)
class _MediaRange:
    """The weight of one media range for a format; the greater is preferred."""

    quality: float
    """0 (refused) to 1."""
    specificity: int
    """How precisely it was named: 0 by ``*/*``, 1 by ``type/*``, 2 by its name, 3 by version."""
    earliness: int
    """Falls from the first range to the last."""


_UNMENTIONED: Final = _MediaRange(0, 0, 0)


def choose_format(accept: str | None) -> Format:
    """The exposition format for an ``Accept`` header: OpenMetrics where preferred, else text."""
    text: list[_MediaRange] = []
    openmetrics: list[_MediaRange] = []
    for name, parameters, quality, earliness in _ranges(accept):
        version = parameters.get("version", "")
        match name:
            case "text/plain" if version in _TEXT_VERSIONS:
                text.append(_MediaRange(quality, 3 if version else 2, earliness))
            case "application/openmetrics-text" if version in _OPENMETRICS_VERSIONS:
                openmetrics.append(_MediaRange(quality, 3 if version else 2, earliness))
            case "text/*":
                text.append(_MediaRange(quality, 1, earliness))
            case "application/*":
                openmetrics.append(_MediaRange(quality, 1, earliness))
            case "*/*" | "*":  # Java's URLConnection sends the short form
                text.append(_MediaRange(quality, 0, earliness))
                openmetrics.append(_MediaRange(quality, 0, earliness))
            case _:
                pass
    best = _decisive(openmetrics)
    return Format.OPENMETRICS if best.quality > 0 and best > _decisive(text) else Format.TEXT


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


def _decisive(ranges: list[_MediaRange]) -> _MediaRange:
    """The most specific range decides about a format, even if it is the one that refuses it."""
    return max(
        ranges,
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
