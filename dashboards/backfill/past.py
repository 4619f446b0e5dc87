"""What Prometheus recorded of organisations in the days before the history.

How soon a quota is used up is seen by what was used within a week, and to simulate weeks of crawls
would take minutes. So the records that forecasts stand on are written as if organisations had grown
evenly: to what they have used as the history begins.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final

from exporter.rules.organisations import EXEC, STORED
from exporter.simulator.browsertrix_api.organisation import Organisation, month_of

_DAY: Final = 86_400
_DAYS: Final = 9
"""A week, and the day on whose average it is looked back."""
_EVERY: Final = 900
"""Seconds; rarer than it is recorded, and often enough for what is asked of a day."""
_GROWTH: Final = 0.012
"""Of what is stored now, a day."""


def past_records(organisations: Iterable[Organisation], until: float) -> Iterator[bytes]:
    """Samples of the records as OpenMetrics, up to ``until`` (seconds since 1970), by series."""
    times = range(int(until) - _DAYS * _DAY, int(until), _EVERY)
    for one in organisations:
        labels = f'{{oid="{one.id}"}}'
        for at in times:
            days = (until - at) / _DAY
            stored = one.bytes_stored * (1 - _GROWTH * days)
            yield f"{STORED}{labels} {stored:.0f} {at}\n".encode()
        for at in times:
            yield f"{EXEC}{labels} {_used(one, at, until):.0f} {at}\n".encode()


def _used(one: Organisation, at: float, until: float) -> float:
    """Seconds of the month that ``at`` is in, used evenly until the month's end or ``until``."""
    month = month_of(at)
    first = datetime.fromtimestamp(at, UTC).replace(day=1, hour=0, minute=0, second=0)
    begin = first.replace(microsecond=0).timestamp()
    end = until
    if month != month_of(until):
        end = begin + 32 * _DAY
        end -= (datetime.fromtimestamp(end, UTC).day - 1) * _DAY
    return one.crawl_seconds[month] * (at - begin) / max(end - begin, 1.0)
