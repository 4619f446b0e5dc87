"""When a workflow runs by itself: its cron schedule, as Kubernetes' CronJobs read it, in UTC.

cronsim finds the times. What it reads is Debian's cron, what Kubernetes reads is robfig/cron; where
the two differ the expression is written so that both mean the same:

- ``?`` is ``*``, in every field; Sunday is 0 and never 7; ``L``, ``W`` and ``#`` are unknown.
- Day of the month and day of the week must both match where one of them has a ``*`` among its
  values; else one of them is enough. ``*/2`` is no ``*``, other than in Debian's.
- ``5/15`` goes up to the largest value, and ``5-5/15`` is only 5.

Browsertrix itself takes more than Kubernetes does: six fields, a Sunday that is 7, a time zone.
Such a workflow has no schedule: its CronJob is refused.
"""

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from cronsim import CronSim, CronSimError

_DESCRIPTORS: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_RANGES: Final = ("0-59", "0-23", "1-31", "1-12", "0-6")
_SUNDAY_AGAIN: Final = "7"
_VALUE: Final = "[0-9]{1,4}|[A-Z]{3}"
_ITEM: Final = re.compile(rf"([*?]|(?:{_VALUE})(?:-(?:{_VALUE}))?)(?:/([0-9]{{1,4}}))?")
_EVERY: Final = re.compile("@every ([0-9]+([.][0-9]+)?(ns|us|µs|ms|s|m|h))+")


class Schedule:
    """When something runs. The times found last are remembered: 2,000 workflows may share one."""

    __slots__ = ("_expression", "_known")

    def __init__(self, expression: str | None) -> None:
        """Take an expression of cronsim's, or None where the times follow from no clock."""
        self._expression = expression
        self._known: tuple[float, float] | None = None
        """Two times that follow one another: right for every moment between them."""

    def last(self, at: float) -> float | None:
        """When it should have run last, in seconds since 1970; ``at`` itself counts.

        None where that cannot be said: of ``@every 6h``, which counts from when Kubernetes saw it.
        """
        return self._times(at)[0]

    def next(self, at: float) -> float | None:
        """When it runs next, later than ``at``; None where that cannot be said."""
        return self._times(at)[1]

    def _times(self, at: float) -> tuple[float | None, float | None]:
        if self._expression is None:
            return None, None
        if self._known is None or not self._known[0] <= at < self._known[1]:
            now = datetime.fromtimestamp(at // 1, UTC)
            following = next(CronSim(self._expression, now), None)
            reverse = CronSim(self._expression, now.replace(microsecond=1), reverse=True)
            before = next(reverse, None)
            if following is None or before is None:
                return None, None
            self._known = before.timestamp(), following.timestamp()
        return self._known


@lru_cache(maxsize=4096)
def read_schedule(text: str) -> Schedule | None:
    """Read a schedule; None where there is none. Raises ValueError where Kubernetes refuses it."""
    text = text.strip()
    if not text:
        return None
    if _EVERY.fullmatch(text):
        return Schedule(None)
    fields = _DESCRIPTORS.get(text, text).upper().split()
    if len(fields) != len(_RANGES):
        raise ValueError("expected a cron schedule of five fields or such as @daily")
    expression = " ".join(map(_field, fields, _RANGES))
    try:
        CronSim(expression, datetime(2000, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        raise ValueError("expected a cron schedule that Kubernetes takes") from error
    return Schedule(expression)


def _field(text: str, whole: str) -> str:
    items = [_item(item, whole) for item in text.split(",") if item]
    return "*" if "*" in items else ",".join(items)


def _item(text: str, whole: str) -> str:
    found = _ITEM.fullmatch(text)
    if found is None:
        raise ValueError("expected a cron schedule that Kubernetes takes")
    values, step = found.groups()
    if values in {"*", "?"}:
        return "*" if step in {None, "1"} else f"{whole}/{step}"
    first, _, last = values.partition("-")
    if whole.endswith("-6") and _SUNDAY_AGAIN in {first, last}:
        raise ValueError("expected a day of the week from 0 to 6")
    if step is None or first == last:
        return values
    return f"{values}/{step}" if last else f"{first}-{whole.partition('-')[2]}/{step}"
