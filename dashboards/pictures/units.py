"""Values as Grafana writes them, for the units that the dashboards use."""

from datetime import UTC, datetime
from typing import Final

_SCALED: Final = {
    "short": (1000, ("", " K", " Mil", " Bil", " Tri")),
    "bytes": (1024, (" B", " KiB", " MiB", " GiB", " TiB", " PiB")),
    "Bps": (1000, (" B/s", " kB/s", " MB/s", " GB/s", " TB/s")),
}
_TIMES: Final = (
    (604800, "weeks"),
    (86400, "days"),
    (3600, "hours"),
    (60, "mins"),
)


def written(value: float, unit: str, decimals: int | None = None) -> str:
    """One value in its unit, one of Grafana's ids; ``decimals`` None is as many as are useful."""
    if unit in _SCALED:
        return _scaled(value, *_SCALED[unit], decimals)
    match unit:
        case "percentunit":
            return f"{value * 100:.{_digits(value * 100, decimals)}f}%"
        case "s":
            return _time(value, decimals)
        case "dateTimeAsIso":
            return f"{datetime.fromtimestamp(value / 1000, UTC):%Y-%m-%d %H:%M:%S}"
        case _:
            return f"{value:.{_digits(value, decimals)}f}"


def _digits(value: float, decimals: int | None) -> int:
    if decimals is not None:
        return decimals
    if value == round(value):
        return 0
    return 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2


def _scaled(value: float, base: int, names: tuple[str, ...], decimals: int | None) -> str:
    step = 0
    while abs(value) >= base and step < len(names) - 1:
        value /= base
        step += 1
    return f"{value:.{_digits(value, decimals)}f}{names[step]}"


def _time(value: float, decimals: int | None) -> str:
    if value and abs(value) < 1:
        return f"{value * 1000:.{_digits(value * 1000, decimals)}f} ms"
    for seconds, name in _TIMES:
        if abs(value) >= seconds:
            amount = value / seconds
            return f"{amount:.{_digits(amount, decimals)}f} {name}"
    return f"{value:.{_digits(value, decimals)}f} s"
