"""The scenarios a crawl can run through, each a short script, and how common each is.

A script yields how many simulated seconds pass before it goes on; in between the operator syncs
about every ten. ``stages`` are their parts.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from exporter.simulator.browsertrix.crawl import Crawl
from exporter.simulator.browsertrix.scenarios import ending, pausing, running
from exporter.simulator.browsertrix.stages import Steps


@dataclass(frozen=True, slots=True)
class Scenario:
    """One script. ``weight`` is how common it is among all; ``traits`` are those it needs."""

    script: Callable[[Crawl], Steps]
    weight: float
    traits: Mapping[str, Any] = field(default_factory=dict)


SCENARIOS: Final = {
    scenario.script.__name__: scenario
    for scenario in (  # a seed chooses by position: a new one goes to the end
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
        Scenario(
            running.assures_quality, 4, {"origin": "qa", "pods": 1, "pages": 80, "work": 300.0}
        ),
        Scenario(ending.loses_its_organisation, 1),
    )
}
