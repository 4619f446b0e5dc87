"""The lines of what Browsertrix does and is set to as a whole: background jobs, settings."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from exporter.metrics.catalog.background_job import BACKGROUND_JOBS, OLDEST_UNFINISHED
from exporter.metrics.catalog.family import Family
from exporter.metrics.catalog.server_settings import PAUSE_LIMIT
from exporter.metrics.rows import counted
from exporter.resources.browsertrix import BackgroundJob, ServerSettings

_SERVED: Final = ("failed", "running")
_Samples = Iterable[tuple[tuple[str, ...], float]]


class _Lines:
    """The lines of some families, all rendered at once: they are few."""

    def __init__(self, families: Iterable[Family], ours: Sequence[Family]) -> None:
        self._families = [family for family in families if family in ours]
        self._now: dict[str, Sequence[bytes]] = {}
        self.on_unknown()

    def on_unknown(self) -> None:
        """Serve nothing until it is polled again."""
        self._now = {family.name: () for family in self._families}

    def lines(self, _: float, /) -> dict[str, Sequence[bytes]]:
        """Return the sample lines, by family's name."""
        return self._now

    def _render(self, samples: Mapping[str, _Samples]) -> None:
        self._now = {
            family.name: counted(family, samples[family.name]) for family in self._families
        }


class BackgroundJobTable(_Lines):
    """Takes the background jobs that are polled; the exposition takes its lines from here."""

    def __init__(self, families: Iterable[Family]) -> None:
        super().__init__(families, (BACKGROUND_JOBS, OLDEST_UNFINISHED))

    def on_polled(self, items: Mapping[str, BackgroundJob], at: float, /) -> None:  # noqa: ARG002
        """Count these jobs; those that succeeded are left out."""
        counts: Counter[tuple[str, ...]] = Counter()
        oldest: dict[tuple[str, ...], float] = {}
        for job in items.values():
            oid, kind, state = job.oid or "", job.type or "unknown", job.state
            if state in _SERVED:
                counts[oid, state, kind] += 1
            if state == "running" and job.started is not None:
                oldest[oid, kind] = min(job.started, oldest.get((oid, kind), job.started))
        self._render({BACKGROUND_JOBS.name: counts.items(), OLDEST_UNFINISHED.name: oldest.items()})


class ServerSettingsTable(_Lines):
    """Takes the settings that are polled; the exposition takes its lines from here."""

    def __init__(self, families: Iterable[Family]) -> None:
        super().__init__(families, (PAUSE_LIMIT,))

    def on_polled(self, items: Mapping[str, ServerSettings], at: float, /) -> None:  # noqa: ARG002
        """Serve what the one item says."""
        limits = [one.pause_limit for one in items.values()]
        self._render({PAUSE_LIMIT.name: [((), limit) for limit in limits if limit is not None]})
