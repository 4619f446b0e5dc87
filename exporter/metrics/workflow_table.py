"""The lines of workflows: those that are scheduled or ran lately, and how many there are.

There may be tens of thousands that nobody uses any more; these are counted and cost no more.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import heappop, heappush
from typing import Final

from exporter.metrics.catalog.family import Family
from exporter.metrics.catalog.polled import (
    WORKFLOW_LABELS,
    ScheduleFamily,
    WorkflowFamily,
    WorkflowView,
)
from exporter.metrics.catalog.workflow import LEFT_OUT, WORKFLOWS
from exporter.metrics.lines import changed_number
from exporter.metrics.past_runs import past_runs
from exporter.metrics.rows import Rows, counted, label_set
from exporter.metrics.sliced_work import Schedule, SlicedWork, next_turn
from exporter.resources.browsertrix import Workflow
from exporter.settings.defaults import DEFAULT_MAX_WORKFLOWS

RECENT: Final = 90 * 86400.0
"""Seconds. A workflow without a schedule has series for so long after its newest run began."""


class WorkflowTable:
    """Takes the workflows that are polled; the exposition takes its lines from here.

    They are rendered when they are polled, and a schedule's timestamps anew when it has passed.
    """

    def __init__(
        self,
        families: Iterable[Family],
        *,
        most: int = DEFAULT_MAX_WORKFLOWS,
        names: bool = True,
        schedule: Schedule = next_turn,
    ) -> None:
        """``most`` workflows have series; ``names``: whether they may be served.

        ``schedule`` is that of ``SlicedWork``.
        """
        families = tuple(families)
        self._most = most
        self._names = names
        self._work = SlicedWork(schedule)
        self._rows = Rows[WorkflowView](
            [family for family in families if isinstance(family, WorkflowFamily)],
            lambda view: _identity(view.workflow),
        )
        self._schedules = _ScheduleRows(
            [family for family in families if isinstance(family, ScheduleFamily)]
        )
        self._counts = [family for family in families if family in (WORKFLOWS, LEFT_OUT)]
        self._count_lines: dict[str, Sequence[bytes]] = {family.name: () for family in self._counts}
        self._served: dict[str, WorkflowView] = {}
        """What is rendered, by id. Kept while nothing is known: runs that ended have ended."""

    def on_polled(self, items: Mapping[str, Workflow], at: float, /) -> None:
        """Serve what is worth it of these workflows, as soon as all of it is rendered.

        ``at`` is in seconds since 1970.
        """
        self._work.start(self._render(items, at))

    def on_unknown(self) -> None:
        """Serve none until they are polled again."""
        self._work.cancel()
        self._rows, self._schedules = self._rows.emptied(), self._schedules.emptied()
        self._count_lines = {family.name: () for family in self._counts}

    def lines(self, now: float, /) -> dict[str, Sequence[bytes]]:
        """Return the sample lines as they are now, by family's name."""
        return self._rows.lines() | self._schedules.lines(now) | self._count_lines

    def _render(self, items: Mapping[str, Workflow], at: float) -> Iterator[None]:
        chosen: list[tuple[bool, float, str]] = []
        """A heap of the workflows that are worth most, the least of them first."""
        left_out, counts = 0, Counter[tuple[str, str]]()
        for workflow in items.values():
            counts[workflow.oid or "", "other" if workflow.schedule is None else "scheduled"] += 1
            if _is_of_use(workflow, at):
                heappush(chosen, _worth(workflow))
                if len(chosen) > self._most:
                    heappop(chosen)
                    left_out += 1
            yield
        rows, schedules, served = self._rows.emptied(), self._schedules.emptied(), {}
        for _, _, key in chosen:
            workflow = items[key]
            before = self._served.get(key)
            past = past_runs(workflow) if before is None else past_runs(workflow, before.past)
            view = served[key] = WorkflowView(workflow, past, self._names)
            rows.put(key, view)
            schedules.put(key, workflow, at)
            yield
        yield from self._count(counts, left_out)
        self._rows, self._schedules, self._served = rows, schedules, served

    def _count(self, counts: Counter[tuple[str, str]], left_out: int) -> Iterator[None]:
        lines: dict[str, list[bytes]] = {family.name: [] for family in self._counts}
        for oid in sorted({oid for oid, _ in counts}):
            if WORKFLOWS.name in lines:
                kinds = [((oid, kind), counts[oid, kind]) for kind in ("scheduled", "other")]
                lines[WORKFLOWS.name] += counted(WORKFLOWS, kinds)
            yield
        if LEFT_OUT.name in lines:
            lines[LEFT_OUT.name] += counted(LEFT_OUT, [((), left_out)])
        self._count_lines = {name: tuple(own) for name, own in lines.items()}


class _ScheduleRows:
    """The lines of timestamps that pass; each is right until the schedule's next."""

    def __init__(self, families: Sequence[ScheduleFamily]) -> None:
        self._families = families
        self._workflows: dict[str, Workflow] = {}
        self._columns: dict[str, dict[str, bytes]] = {family.name: {} for family in families}
        self._due: list[tuple[float, str]] = []
        """A heap of when each workflow's lines are no longer right."""
        self._right_from = 0.0
        """Since when all lines are right: a clock that goes back needs others."""

    def emptied(self) -> "_ScheduleRows":
        """Return others of the same families, without any workflow."""
        return _ScheduleRows(self._families)

    def put(self, key: str, workflow: Workflow, now: float) -> None:
        """Write a workflow's lines, right at ``now`` and until its schedule's next."""
        if workflow.schedule is None:
            return
        self._workflows[key] = workflow
        labels = label_set(WORKFLOW_LABELS, _identity(workflow))
        for family in self._families:
            column, timestamp = self._columns[family.name], family.timestamp(workflow, now)
            if timestamp is None:
                column.pop(key, None)
            else:
                column[key] = family.name.encode() + labels + changed_number(timestamp)
        last, following = workflow.schedule.last(now), workflow.schedule.next(now)
        if last is not None and following is not None:
            self._right_from = max(self._right_from, last)
            heappush(self._due, (following, key))

    def lines(self, now: float) -> dict[str, Sequence[bytes]]:
        """Return the lines as they are now, by family's name."""
        if now < self._right_from:
            self._due, self._right_from = [], 0.0
            for key, workflow in self._workflows.items():
                self.put(key, workflow, now)
        while self._due and self._due[0][0] <= now:
            key = heappop(self._due)[1]
            self.put(key, self._workflows[key], now)
        return {name: tuple(column.values()) for name, column in self._columns.items()}


def _identity(workflow: Workflow) -> tuple[str, str]:
    return workflow.oid or "", workflow.id


def _is_of_use(workflow: Workflow, at: float) -> bool:
    """Whether it runs by itself, runs now, or ran lately."""
    return (
        workflow.schedule is not None
        or bool(workflow.is_crawl_running)
        or (workflow.last_crawl_start_time or 0.0) > at - RECENT
    )


def _worth(workflow: Workflow) -> tuple[bool, float, str]:
    """Scheduled ones most, for of these somebody expects something; then the newest."""
    return workflow.schedule is not None, workflow.last_crawl_start_time or 0.0, workflow.id
