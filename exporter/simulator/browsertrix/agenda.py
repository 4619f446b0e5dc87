"""What is planned, and when: all that happens in a simulation is due at some time on one agenda.

Planned for the same time, what was planned first happens first, however time is cut into steps:
so a seed decides everything.
"""

import heapq
from collections.abc import Callable


class Agenda:
    """Callbacks by the time they are due. ``speed`` is simulated seconds a real one."""

    def __init__(self, now: float, speed: float) -> None:
        self.now = now
        """Seconds since 1970; while a callback runs, when it was due."""
        self.speed = speed
        self._entries: list[tuple[float, int, Callable[[], None]]] = []
        self._planned = 0

    @property
    def next_due(self) -> float | None:
        """When (real seconds since 1970) the next callback is due; None when none is planned."""
        return self._entries[0][0] if self._entries else None

    def after(self, simulated: float, callback: Callable[[], None]) -> None:
        """Call back when so many simulated seconds have passed."""
        self._planned += 1  # so that two at the same time run in the order they were planned
        due = self.now + simulated / self.speed
        heapq.heappush(self._entries, (due, self._planned, callback))

    def run_next(self, until: float) -> bool:
        """Run the next callback if it is due until then; whether there was one."""
        if not self._entries or self._entries[0][0] > until:
            return False
        self.now, _, callback = heapq.heappop(self._entries)
        callback()
        return True
