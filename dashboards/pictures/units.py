"""Values as Grafana formats them, for the units that the dashboards use."""

import math
from datetime import UTC, datetime
from typing import Final

_SCALED: Final = {
    "short": (1000, ("", " K", " Mil", " Bil", " Tri")),
    "bytes": (1024, (" B", " KiB", " MiB", " GiB", " TiB", " PiB")),
    "Bps": (1000, (" B/s", " kB/s", " MB/s", " GB/s", " TB/s")),
}
_TIME_STEPS: Final = (
    *(1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800),
    *(3600 * hours for hours in (1, 2, 3, 4, 6, 12, 24, 48, 96, 168)),
)
_TIMES: Final = (
    (604800, "weeks"),
    (86400, "days"),
    (3600, "hours"),
    (60, "mins"),
)


def format_value(value: float, unit: str, decimals: int | None = None) -> str:
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


def ticks(high: float, unit: str, decimals: int | None) -> list[float]:
    """Round values from 0 to about ``high`` for an axis: hours, powers of two, whole numbers."""
    base = 1024 ** int(math.log(max(high, 1), 1024)) if unit == "bytes" else 1
    wanted = high / base / 4
    if unit == "s" and high > _TIME_STEPS[0]:
        step = next((one for one in _TIME_STEPS if one >= wanted), wanted)
    else:
        size = 10 ** math.floor(math.log10(max(wanted, 1e-12)))
        step = next(one * size for one in (1, 2, 2.5, 5, 10) if one * size >= wanted * 0.999)
        step = max(1, math.ceil(step)) if decimals == 0 else step
    return [number * step * base for number in range(int(high / base / step) + 1)]


def _digits(value: float, decimals: int | None) -> int:
    if decimals is not None:
        return decimals
    if value == round(value):
        return 0
    size = abs(value)
    return 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 0.1 else 4


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
