"""The operator as a whole: what it does for all crawls, it does only as long as it runs."""

from collections.abc import Callable

from exporter.simulator.browsertrix.agenda import Agenda


class Operator:
    """Frozen, it writes no status and makes no pods, and whatever waits for it waits."""

    def __init__(self, agenda: Agenda) -> None:
        self._agenda = agenda
        self._held: list[Callable[[], None]] = []
        self._freezes = 0

    @property
    def is_frozen(self) -> bool:
        """Whether it does nothing."""
        return self._freezes > 0

    def freeze(self, seconds: float) -> None:
        """Do nothing for so many simulated seconds; of two overlapping freezes the later counts."""
        self._freezes += 1
        self._agenda.after(seconds, self._thaw)

    def do(self, callback: Callable[[], None]) -> None:
        """Do this, now or as soon as it runs again."""
        if self.is_frozen:
            self._held.append(callback)
        else:
            callback()

    def _thaw(self) -> None:
        self._freezes -= 1
        while self._held and not self.is_frozen:
            self._held.pop(0)()
