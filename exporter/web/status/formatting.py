"""The filters of the page's template: figures, durations and timestamps as a person reads them."""

from datetime import datetime
from typing import Any, Final

_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_SPANS: Final = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
_JUST_NOW: Final = 2
_LENGTHS: Final = frozenset({"waited", "lasted", "paused"})
"""Details of events that are seconds."""

UNKNOWN: Final = "unknown"


def size(number: float | None) -> str:
    """Bytes in binary units, to three digits: ``1.5 KiB``."""
    if number is None:
        return UNKNOWN
    value = float(number)
    for unit in _UNITS:
        if value < 999.5 or unit == _UNITS[-1]:
            break
        value /= 1024
    return f"{value:,.0f} {unit}" if value >= 99.95 or unit == "B" else f"{value:.3g} {unit}"


def count(number: float | None) -> str:
    """A whole number with thousands separators: ``10,000``."""
    return UNKNOWN if number is None else f"{number:,.0f}"


def cores(number: float | None) -> str:
    """CPU cores, to two digits."""
    return UNKNOWN if number is None else f"{number:.2g}"


def percent(ratio: float | None) -> str:
    """A ratio as a percentage, rounded down: 100 % only when it is."""
    return UNKNOWN if ratio is None else f"{int(ratio * 100)} %"


def duration(seconds: float | None) -> str:
    """The two greatest units: ``3 d 4 h``, ``12 min``, ``0 s``."""
    if seconds is None:
        return UNKNOWN
    left = int(seconds)
    for place, (unit, length) in enumerate(_SPANS):
        if left >= length:
            whole, rest = divmod(left, length)
            text = f"{whole:,} {unit}"
            if place + 1 < len(_SPANS):
                smaller, smaller_length = _SPANS[place + 1]
                if part := rest // smaller_length:
                    text += f" {part} {smaller}"
            return text
    return "0 s"


def ago(timestamp: datetime | None, now: datetime) -> str:
    """The time from now, past or future: ``3 min ago``, ``in 2 h``."""
    if timestamp is None:
        return UNKNOWN
    seconds = (now - timestamp).total_seconds()
    if abs(seconds) < _JUST_NOW:
        return "just now"
    return f"{duration(seconds)} ago" if seconds > 0 else f"in {duration(-seconds)}"


def utc(timestamp: datetime | None) -> str:
    """In UTC, to the second: ``2026-11-24 09:05:00 UTC``."""
    return UNKNOWN if timestamp is None else f"{timestamp:%Y-%m-%d %H:%M:%S} UTC"


def event_detail(detail: dict[str, Any], crawl: str) -> str:
    """The detail of an event, in one line; pods' names are cut by the id of their ``crawl``."""
    known = {name: value for name, value in detail.items() if value not in {"", None}}
    known.pop("role", None)
    if "previous" in detail:  # a state entered
        return " → ".join(str(known[name]) for name in ("previous", "state") if name in known)
    if "before" in detail:  # scaled
        return f"{known.get('what', '')} {known.get('before')} → {known.get('after')}"
    parts = []
    for name, value in known.items():
        if name in _LENGTHS:
            parts.append(f"{name} {duration(value)}")
        elif name == "pod":
            parts.append(str(value).replace(f"-{crawl}", "-…"))
        else:
            parts.append(f"{name.replace('_', ' ')} {value}")
    return ", ".join(parts)
