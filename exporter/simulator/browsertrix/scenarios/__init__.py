"""The scenarios a crawl can run through, each a short script, and how common each is.

A script yields how many simulated seconds pass before it goes on; in between the operator syncs
about every ten. ``stages`` are their parts.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from exporter.simulator.browsertrix.crawl import Crawl
from exporter.simulator.browsertrix.scenarios import ending, pausing, running, troubled
from exporter.simulator.browsertrix.stages import Steps


@dataclass(frozen=True, slots=True)
class Scenario:
    """One script. ``weight`` is how common it is among all; ``traits`` are those it needs."""

    script: Callable[[Crawl], Steps]
    weight: float
    traits: Mapping[str, Any] = field(default_factory=dict)


_HOARDER: Final = {"pods": 1, "work": 3600.0, "pages": 300, "page_size": 90_000_000}
"""Enough to fill the volume of a pod."""

ORDINARY: Final = (  # a seed chooses by position: a new one goes to the end
    Scenario(running.completes, 30),
    Scenario(running.waits_for_capacity, 6),
    Scenario(running.waits_for_org_limit, 4),
    Scenario(
        running.waits_for_dedupe_index,
        2,
        {"dedupe_collection": "3f5a6f3c-6ed5-4a7c-9d40-1b1b33b3f0aa"},
    ),
    Scenario(running.is_resized, 6),
    Scenario(running.runs_out_of_memory, 5),
    Scenario(running.is_evicted, 5),
    Scenario(running.is_scaled, 5),
    Scenario(pausing.pauses_and_resumes, 8),
    Scenario(pausing.completes_while_pausing, 1),
    Scenario(pausing.pause_expires, 4),
    Scenario(pausing.is_stopped_while_paused, 2),
    Scenario(ending.reaches_size_limit, 4),
    Scenario(ending.reaches_time_limit, 4),
    Scenario(pausing.reaches_storage_quota, 3),
    Scenario(pausing.reaches_time_quota, 3),
    Scenario(pausing.is_read_only, 2),
    Scenario(ending.is_stopped_by_storage_quota, 1),
    Scenario(ending.is_stopped_by_time_quota, 1),
    Scenario(ending.is_stopped_by_read_only, 1),
    Scenario(running.is_rate_limited, 3),
    Scenario(pausing.is_rate_limited_for_long, 2),
    Scenario(ending.fails, 4),
    Scenario(ending.fails_not_logged_in, 2),
    Scenario(ending.is_skipped_by_storage_quota, 1),
    Scenario(ending.is_skipped_by_time_quota, 1),
    Scenario(ending.is_canceled, 5),
    Scenario(ending.is_stopped_without_a_page, 1, {"pages": 0}),
    Scenario(ending.is_stopped_by_user, 5),
    Scenario(running.assures_quality, 4, {"origin": "qa", "pods": 1, "pages": 80, "work": 300.0}),
    Scenario(ending.loses_its_organisation, 1),
)
TROUBLED: Final = (
    Scenario(troubled.pulls_in_vain, 2),
    Scenario(troubled.waits_for_a_volume, 1),
    Scenario(troubled.is_killed_unseen, 3),
    Scenario(troubled.is_evicted_and_canceled, 1),
    Scenario(troubled.fills_its_volume, 2, _HOARDER),
    Scenario(troubled.runs_out_of_space, 1, _HOARDER),
    Scenario(
        troubled.waits_for_a_purge,
        1,
        {"dedupe_collection": "7c1d9a52-0d3e-4d0b-8a55-6f2f1e0a9b11"},
    ),
    Scenario(troubled.outlives_the_operator, 0.5),
)
"""Of which only pods, claims and indexes tell; chosen apart, as seeds were there before them."""

SCENARIOS: Final = {scenario.script.__name__: scenario for scenario in (*ORDINARY, *TROUBLED)}
"""All of them by name."""
