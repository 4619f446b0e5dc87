"""The kinds of value a resource holds, each with what it tolerates.

A validator here sees one value and answers or raises ``ValueError``; it never prints the value,
for whatever stands in a wrong field may be anything, an e-mail address or a secret among them.
Plain numbers, flags and texts are checked by pydantic's compiled core alone, because one event
has about a hundred of them; Python is called only for dates and quantity strings.
"""

import json
import math
import re
from datetime import UTC, datetime
from functools import lru_cache
from sys import intern
from typing import TYPE_CHECKING, Annotated, Any, Final

from kubernetes.utils import parse_quantity
from pydantic import AfterValidator, Field, StringConstraints, TypeAdapter, ValidationError

LONGEST_TEXT = 1024
"""Characters. Longer than any id, image or state; no label value needs more."""

LARGEST_COUNT = 2**63 - 1


def _epoch(time: datetime) -> float:
    """Seconds since 1970; Browsertrix writes UTC, so a time without an offset is UTC."""
    if time.tzinfo is None:
        time = time.replace(tzinfo=UTC)
    seconds = time.timestamp()
    if seconds < 0:
        raise ValueError("expected a moment after 1970")
    return seconds


def read_timestamp(text: str) -> float | None:
    """Seconds since 1970; None where the text is no timestamp."""
    try:
        return _epoch(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        return None


def _nothing(_: str) -> None:
    """An empty text is how Browsertrix clears a field."""


def _read_quantity(text: str) -> float:
    """``512Mi`` to 536870912.0. Stricter than the client's parser, which takes NaN and 1_000."""
    if "_" in text:
        raise ValueError("expected a quantity such as 512Mi or 250m")
    try:
        value = float(parse_quantity(text))
    except (ValueError, ArithmeticError) as error:
        raise ValueError("expected a quantity such as 512Mi or 250m") from error
    if not math.isfinite(value) or value < 0:
        raise ValueError("expected a finite quantity of at least 0")
    return value


_remembered_quantity: Final = lru_cache(maxsize=1024)(_read_quantity)
"""The client's parser takes as long as a quarter of a CrawlJob, and all pods have one of a few."""

_MEASURED: Final = re.compile("([0-9]{1,18})([num]|[KM]i|)")
_SCALES: Final = {"n": (1, 10**9), "u": (1, 10**6), "m": (1, 1000), "": (1, 1)} | {
    "Ki": (1024, 1),
    "Mi": (1024**2, 1),
}


def read_measured_quantity(text: str) -> float:
    """Read what somebody measured, such as ``1833422n`` or ``812344Ki``; raises ValueError.

    No two measurements are the same, so they would only push each other out of what is remembered.
    The forms that metrics-server writes are read at a tenth of the cost of the others instead, to
    the same float: whole numbers are multiplied exactly, and a division is rounded once.
    """
    found = _MEASURED.fullmatch(text)
    if found is None:
        return _read_quantity(text)
    factor, divisor = _SCALES[found[2]]
    return int(found[1]) * factor / divisor


Text = Annotated[str, StringConstraints(max_length=LONGEST_TEXT)] | None
Count = Annotated[int, Field(ge=0, le=LARGEST_COUNT)] | None
ExitCode = Annotated[int, Field(ge=-(2**31), lt=2**31)] | None
Flag = bool | None
Seconds = Annotated[float, Field(ge=0, le=LARGEST_COUNT, allow_inf_nan=False)] | None

_ReadTimestamp = Annotated[
    Annotated[datetime, Field(strict=True), AfterValidator(_epoch)]
    | Annotated[str, StringConstraints(max_length=0), AfterValidator(_nothing)]
    | None,
    Field(union_mode="left_to_right"),
]

_TIMESTAMP: Final = TypeAdapter[Any](_ReadTimestamp)


@lru_cache(maxsize=1024)
def _read_shared_timestamp(text: str) -> float | None:
    """As any other timestamp; raises ValueError."""
    try:
        seconds: float | None = _TIMESTAMP.validate_json(json.dumps(text))
    except ValidationError as error:
        reason = error.errors(include_url=False, include_input=False)[0]["msg"]
        raise ValueError(reason.removeprefix("Value error, ")) from None
    return seconds


_ReadQuantity = Annotated[
    Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]
    | Annotated[str, StringConstraints(max_length=64), AfterValidator(_remembered_quantity)]
    | None,
    Field(union_mode="left_to_right"),
]

if TYPE_CHECKING:  # what reading makes of them
    Timestamp = float | None
    SharedTimestamp = float | None
    Quantity = float | None
    SharedText = str | None
else:
    Timestamp = _ReadTimestamp
    """Seconds since 1970. Tolerates fractions, offsets, none (UTC); ``""`` and null: not set."""
    SharedTimestamp = (
        Annotated[
            str, StringConstraints(max_length=LONGEST_TEXT), AfterValidator(_read_shared_timestamp)
        ]
        | None
    )
    """A timestamp that many objects have, of the same seconds: read once."""
    Quantity = _ReadQuantity
    """Bytes or cores as a number; a Kubernetes quantity string is read as well."""
    SharedText = (
        Annotated[str, StringConstraints(max_length=LONGEST_TEXT), AfterValidator(intern)] | None
    )
    """A text that many objects have, held once."""
