"""What is served of background jobs and settings."""

from typing import Any

from hypothesis import given

from exporter.metrics import BrowsertrixTables
from exporter.metrics.catalog import CATALOG
from exporter.resources.browsertrix import BackgroundJob, ServerSettings
from support.browsertrix_items import OID, PEOPLE, job_item, mutated_items
from support.polled_tables import items, served, text, values

NOW = 1768392000.0
COUNT = "browsertrix_background_jobs"
OLDEST = "browsertrix_background_jobs_oldest_unfinished_timestamp_seconds"
FAILED = {"success": False, "finished": "2026-01-14T09:00:00Z"}


def table(source: str) -> Any:
    return BrowsertrixTables(CATALOG, []).by_source[source]


def test_jobs_are_counted_by_organisation_type_and_state() -> None:
    jobs = table("jobs")
    jobs.on_polled(
        items(
            BackgroundJob,
            job_item(id="1", started="2026-01-14T09:00:00Z"),
            job_item(id="2"),
            job_item(id="3", **FAILED),
            job_item(id="4", success=True, finished="2026-01-14T09:00:00Z"),
            job_item(id="5", type="optimize-pages", oid=None, **FAILED),
            job_item(id="6", type=None),
        ),
        NOW,
    )
    assert values(jobs, NOW, COUNT, "oid", "type", "state") == {
        (OID, "create-replica", "running"): 2,
        (OID, "create-replica", "failed"): 1,
        ("", "optimize-pages", "failed"): 1,
        (OID, "unknown", "running"): 1,
    }
    assert values(jobs, NOW, OLDEST, "type") == {
        "create-replica": NOW - 4 * 3600,
        "unknown": NOW - 4 * 3600,
    }
    jobs.on_polled({}, NOW)
    assert text(jobs, NOW) == ""


def test_the_pause_limit_is_in_seconds_and_known_as_long_as_somebody_says_it() -> None:
    settings = table("settings")
    assert text(settings, NOW) == ""
    settings.on_polled(items(ServerSettings, {"pausedExpiryMinutes": 60}), NOW)
    assert text(settings, NOW) == "browsertrix_settings_pause_limit_seconds 3600.0\n"
    settings.on_polled(items(ServerSettings, {"pausedExpiryMinutes": "long"}), NOW)
    assert text(settings, NOW) == ""
    settings.on_polled(items(ServerSettings, {"pausedExpiryMinutes": 60}), NOW)
    settings.on_unknown()
    assert text(settings, NOW) == ""


@given(mutated_items(job_item()))
def test_any_job_is_counted_and_nothing_of_people_shown(wire: dict[str, Any]) -> None:
    jobs = table("jobs")
    jobs.on_polled(items(BackgroundJob, wire), NOW)
    served(jobs, NOW)
    assert not [one for one in PEOPLE if one in text(jobs, NOW)]
