"""Schedules of the simulated workflows: cron, in UTC, and by the clock on the wall.

Timestamps of the simulation are real ones, and whoever reads a schedule goes by a real clock. So
what recurs after so many *simulated* hours has the cron schedule whose real period is the nearest
above: "daily" is every 30 minutes where time passes 60 times as fast.
"""

from dataclasses import dataclass
from typing import Final

_MINUTES: Final = (2, 3, 5, 10, 15, 20, 30, 60, 120, 180, 240, 360, 480, 720, 1440)
"""Periods that cron can say, each of which a day is a multiple of. Two crawls that one schedule
starts have the same id within a minute."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Every so many minutes, one of the periods above."""

    minutes: int
    offset: int = 0
    """From when that is counted: minutes after midnight, fewer than ``minutes``."""

    @property
    def cron(self) -> str:
        """As Browsertrix has it."""
        hours, (hour, minute) = self.minutes // 60, divmod(self.offset, 60)
        if hours == 0:
            return f"{f'{minute}-59' if minute else '*'}/{self.minutes} * * * *"
        if hours == 1:
            return f"{minute} * * * *"
        if hours == 24:
            return f"{minute} {hour} * * *"
        return f"{minute} {f'{hour}-23' if hour else '*'}/{hours} * * *"

    @property
    def period(self) -> float:
        """Seconds."""
        return self.minutes * 60.0

    def last(self, at: float) -> float:
        """When it was due last, at that time (seconds since 1970) or before it."""
        begin = self.offset * 60.0
        return (at - begin) // self.period * self.period + begin

    def next(self, at: float) -> float:
        """When it is due next, after that time."""
        return self.last(at) + self.period

    def counted_from(self, at: float) -> "Schedule":
        """The same, but due also at that time (seconds since 1970), or as its minute begins."""
        return Schedule(self.minutes, int(at // 60) % self.minutes)


DAILY: Final = Schedule(1440)
"""By the clock on the wall, however fast time passes."""


def every(simulated: float, speed: float) -> Schedule:
    """The schedule of what recurs after so many simulated seconds, a day at most."""
    wanted = simulated / speed / 60
    return Schedule(next((one for one in _MINUTES if one >= wanted), _MINUTES[-1]))
