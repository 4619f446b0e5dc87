"""Browsertrix's background jobs: replicas that were not made, and jobs that never end."""

from typing import Final

from exporter.alerting.event_alerts import format_duration
from exporter.alerting.names import ORG
from exporter.rules.promql import by
from exporter.rules.rule import DURATION, AlertingRule, Dashboard, RuleGroup, Severity
from exporter.rules.thresholds import Thresholds

_REPLICATION: Final = "create-replica"
_FAILED: Final = f'browsertrix_background_jobs{{type="{_REPLICATION}",state="failed"}}'


def group(at: Thresholds) -> RuleGroup:
    """The group with these thresholds."""
    hold = format_duration(at.job_hold)
    return RuleGroup(
        name="browsertrix-jobs",
        topic="Background jobs",
        interval="1m",
        rules=(
            AlertingRule(
                name="BrowsertrixReplicationFailed",
                severity=Severity.WARNING,
                summary="Files of an archive were not replicated",
                description="{{ $value }} files or profiles of organisation "
                f"{ORG} could not be copied to the replica storage: the archive has no second copy "
                "of them.",
                condition=f"a background job `{_REPLICATION}` failed, and was not run again with "
                "success",
                expr=f"max {by('oid')} ({_FAILED}) > 0",
                keep_firing_for=at.bridge,
                dashboard=Dashboard.JOBS,
            ),
            AlertingRule(
                name="BrowsertrixBackgroundJobStuck",
                severity=Severity.WARNING,
                summary="A background job of Browsertrix does not end",
                description="A background job {{ $labels.type }}"
                f"{{{{ if $labels.oid }}}} of organisation {ORG}{{{{ end }}}} was begun {DURATION} "
                "ago and has not ended.",
                condition=f"a background job that was begun more than {hold} ago and has not ended",
                expr=f"time() - min {by('oid', 'type')} "
                "(browsertrix_background_jobs_oldest_unfinished_timestamp_seconds) "
                f"> {at.job_hold}",
                keep_firing_for=at.bridge,
                dashboard=Dashboard.JOBS,
            ),
        ),
    )
