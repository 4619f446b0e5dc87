"""The lines of workflows: those that are scheduled or ran lately, and how many there are.

There may be tens of thousands that nobody uses any more; these are counted and cost no more.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from heapq import heapify, heappop, heappush, nsmallest
from typing import Final

from exporter.metrics.catalog.family import Family
from exporter.metrics.catalog.polled import (
    PastRuns,
    ScheduleFamily,
    WorkflowFamily,
    WorkflowView,
)
from exporter.metrics.catalog.workflow import LEFT_OUT, WORKFLOWS
from exporter.metrics.lines import line
from exporter.metrics.past_runs import past_runs
from exporter.metrics.rows import Rows, counted
from exporter.resources.browsertrix import Workflow

RECENT: Final = 90 * 86400.0
"""Seconds. A workflow without a schedule has series for so long after its newest run began."""
DEFAULT_MAX_WORKFLOWS: Final = 2_000


class WorkflowTable:
    """Takes the workflows that are polled; the exposition takes its lines from here.

    A workflow is rendered when it is another than before, and its schedule's timestamps when the
    schedule has passed.
    """

    def __init__(
        self,
        families: Iterable[Family],
        *,
        most: int = DEFAULT_MAX_WORKFLOWS,
        names: bool = True,
    ) -> None:
        """``most`` workflows have series; ``names``: whether they may be served."""
        families = tuple(families)
        self._most = most
        self._names = names
        self._rows = Rows[WorkflowView](
            [family for family in families if isinstance(family, WorkflowFamily)],
            lambda view: _identity(view.workflow),
        )
        self._schedules = _ScheduleRows(
            [family for family in families if isinstance(family, ScheduleFamily)]
        )
        self._counts = [family for family in families if family in (WORKFLOWS, LEFT_OUT)]
        self._count_lines: dict[str, Sequence[bytes]] = {family.name: () for family in self._counts}
        self._served: dict[str, Workflow] = {}
        self._past: dict[str, PastRuns] = {}

    def on_polled(self, items: Mapping[str, Workflow], at: float, /) -> None:
        """Serve what is worth it of these workflows; ``at`` in seconds since 1970."""
        candidates = [one for one in items.items() if _is_of_use(one[1], at)]
        chosen = dict(
            candidates
            if len(candidates) <= self._most
            else nsmallest(self._most, candidates, key=_rank)
        )
        self._count(items, len(candidates) - len(chosen))
        self._rows.keep(chosen)
        before, self._served = self._served, chosen
        past = {key: past_runs(one, *_known(self._past.get(key))) for key, one in chosen.items()}
        for key, workflow in chosen.items():
            if before.get(key) != workflow or self._past.get(key) != past[key]:
                self._rows.put(key, WorkflowView(workflow, past[key], self._names))
        self._past = past
        self._schedules.replace(chosen, at)

    def on_unknown(self) -> None:
        """Serve none until they are polled again; what their runs were is still known."""
        self._rows.keep(())
        self._served = {}
        self._schedules.replace({}, 0.0)
        self._count_lines = {family.name: () for family in self._counts}

    def lines(self, now: float, /) -> dict[str, Sequence[bytes]]:
        """Return the sample lines as they are now, by family's name."""
        return self._rows.lines() | self._schedules.lines(now) | self._count_lines

    def _count(self, items: Mapping[str, Workflow], left_out: int) -> None:
        kinds = Counter(
            (one.oid or "", "other" if one.schedule is None else "scheduled")
            for one in items.values()
        )
        kinds.update({(oid, kind): 0 for oid, _ in kinds for kind in ("other", "scheduled")})
        samples = {WORKFLOWS.name: kinds.items(), LEFT_OUT.name: [((), left_out)]}
        self._count_lines = {
            family.name: counted(family, samples[family.name]) for family in self._counts
        }


class _ScheduleRows:
    """The lines of timestamps that pass; each is right until the schedule's next."""

    def __init__(self, families: Sequence[ScheduleFamily]) -> None:
        self._families = families
        self._workflows: Mapping[str, Workflow] = {}
        self._columns: dict[str, dict[str, bytes]] = {family.name: {} for family in families}
        self._due: list[tuple[float, str]] = []
        """A heap of when each workflow's lines are no longer right."""
        self._right_from = 0.0
        """Since when all lines are right: a clock that goes back needs others."""

    def replace(self, workflows: Mapping[str, Workflow], at: float) -> None:
        """Have lines of these workflows alone."""
        before, self._workflows = self._workflows, workflows
        for column in self._columns.values():
            for key in [key for key in column if key not in workflows]:
                del column[key]
        self._due = [one for one in self._due if before.get(one[1]) == workflows.get(one[1])]
        heapify(self._due)
        for key, workflow in workflows.items():
            if before.get(key) != workflow:
                self._put(key, workflow, at)

    def lines(self, now: float) -> dict[str, Sequence[bytes]]:
        """Return the lines as they are now, by family's name."""
        if now < self._right_from:
            self._due, self._right_from = [], 0.0
            for key, workflow in self._workflows.items():
                self._put(key, workflow, now)
        while self._due and self._due[0][0] <= now:
            key = heappop(self._due)[1]
            self._put(key, self._workflows[key], now)
        return {name: tuple(column.values()) for name, column in self._columns.items()}

    def _put(self, key: str, workflow: Workflow, now: float) -> None:
        for family in self._families:
            column, timestamp = self._columns[family.name], family.timestamp(workflow, now)
            if timestamp is None:
                column.pop(key, None)
            else:
                column[key] = line(family, _identity(workflow), timestamp)
        last = workflow.schedule.last(now) if workflow.schedule else None
        following = workflow.runs_next(now)
        if last is not None and following is not None:
            self._right_from = max(self._right_from, last)
            heappush(self._due, (following, key))


def _identity(workflow: Workflow) -> tuple[str, str]:
    return workflow.oid or "", workflow.id


def _is_of_use(workflow: Workflow, at: float) -> bool:
    """Whether it runs by itself, runs now, or ran lately."""
    return (
        workflow.schedule is not None
        or bool(workflow.is_crawl_running)
        or (workflow.last_crawl_start_time or 0.0) > at - RECENT
    )


def _rank(item: tuple[str, Workflow]) -> tuple[bool, float]:
    """Scheduled ones first, for of these somebody expects something; then the newest."""
    workflow = item[1]
    return workflow.schedule is None, -(workflow.last_crawl_start_time or 0.0)


def _known(past: PastRuns | None) -> tuple[PastRuns, ...]:
    return () if past is None else (past,)
