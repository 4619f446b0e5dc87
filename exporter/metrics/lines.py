"""Sample lines, the same in both formats, byte for byte as prometheus_client writes them."""

import sys
from collections.abc import Callable, Sequence
from typing import Final

from prometheus_client.utils import floatToGoString

from exporter.metrics.catalog.family import Family


def line(family: Family, label_values: Sequence[str], value: float) -> bytes:
    """Write one sample of any family; ``label_values`` are in the order of ``family.labels``."""
    pairs = sorted((*zip(family.labels, label_values, strict=True), *family.fixed))
    labels = ",".join(label(*pair) for pair in pairs)
    return f"{family.name}{{{labels}".encode() + number(value)


def label(name: str, value: str | int | None) -> str:
    """Write one label; a value that is not known is empty, which Prometheus takes for no label."""
    return f'{name}="{"" if value is None else _escaped(str(value))}"'


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def changed_number(value: float) -> bytes:
    """Write a value that was another before.

    Most of these (bytes used, seconds run) never come again, and to remember them would take as
    long as to write them.
    """
    return _NUMBERS.get(value) or _written(value)


class _Numbers(dict[float, bytes]):
    """Ends of lines by their numbers, remembered: most come up again and again, and are held once.

    Negative zero is written as zero: to a dict they are the same.
    """

    _MOST: Final = 20_000

    def __missing__(self, value: float) -> bytes:
        if len(self) >= self._MOST:
            self.clear()
        written = self[value] = _written(value)
        return written


def _written(value: float) -> bytes:
    """Write a number as ``floatToGoString`` does; nearly all are written faster here."""
    if _LOWEST <= value < 1e6:
        return b"} %a\n" % (value + 0.0)
    if value < 1e15 and value == (whole := int(value)):
        digits = str(whole)
        mantissa = f"{digits[0]}.{digits[1:]}".rstrip("0.")
        return f"}} {mantissa}{_EXPONENTS[len(digits)]}".encode()
    text: str = floatToGoString(value)  # type: ignore[no-untyped-call]
    return f"}} {text}\n".encode()


_NUMBERS: Final = _Numbers()
number: Final[Callable[[float], bytes]] = _NUMBERS.__getitem__
"""Writes the end of a line: the brace that closes the labels, a space and the value."""
_LOWEST: Final = -sys.float_info.max
_EXPONENTS: Final = [f"e+{digits - 1:02d}\n" for digits in range(17)]
