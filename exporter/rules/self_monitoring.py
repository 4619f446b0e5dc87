"""What all alerts stand on: Browsertrix's operator, and the exporters themselves.

Exporters are missed by name: one that is gone with its target leaves no series to compare with, so
a recording rule remembers which there were.
"""

from typing import Final

from exporter.alerting.event_alerts import format_duration
from exporter.resources.identity import SHARD
from exporter.rules import browsertrix_client, operator_pulse
from exporter.rules.promql import EXPORTER, INSTANCE, added, by, on
from exporter.rules.rule import (
    DURATION,
    AlertingRule,
    Dashboard,
    RecordingRule,
    RuleGroup,
    Severity,
)
from exporter.rules.thresholds import Thresholds

_SCOPE: Final = (
    '{{ if eq $labels.scope "*" }}all namespaces{{ else }}namespace {{ $labels.scope }}{{ end }}'
    "{{ with $labels.shard }} (shard {{ . }}){{ end }}"
)
_CRAWLJOBS: Final = 'source=~"|crawljobs"'
"""Of the other sources' watches, which may fail, nothing is said here."""

_SEEN: Final = "job:browsertrix_exporter_seen_timestamp_seconds:max"
_REPLICAS: Final = "job:browsertrix_exporters:count"
_SHARDS: Final = "browsertrix_exporter_total_shards"
_LAST_CALL: Final = "browsertrix_exporter_hook_last_request_timestamp_seconds"
_SYNCED: Final = f"browsertrix_exporter_synced{{{_CRAWLJOBS}}}"
_SYNC: Final = f"browsertrix_exporter_last_sync_timestamp_seconds{{{_CRAWLJOBS}}}"


def _down(at: Thresholds) -> tuple[AlertingRule | RecordingRule, ...]:
    remembered = format_duration(at.replicas_remembered)
    return (
        RecordingRule(
            name=_SEEN,
            description="When an exporter of the job was last scraped; kept for "
            f"{format_duration(at.exporter_remembered)} when it is gone",
            labels=("job",),
            expr=f"""\
max {by("job")} (timestamp(browsertrix_exporter_build_info))
or
last_over_time({_SEEN}[1d]) > time() - {at.exporter_remembered}""",
        ),
        RecordingRule(
            name=_REPLICAS,
            description="Exporters of the job that were scraped",
            labels=("job",),
            expr=f"count {by('job')} (max {by(*EXPORTER)} (browsertrix_exporter_build_info))",
        ),
        AlertingRule(
            name="BrowsertrixExporterDown",
            severity=Severity.CRITICAL,
            summary="No exporter of Browsertrix is being scraped",
            description="Prometheus gets nothing from browsertrix-exporter"
            "{{ if $labels.job }} of job {{ $labels.job }}{{ end }}: no alert on its crawls can "
            "fire.",
            condition="no exporter of a job that had one is scraped, or none at all",
            expr=f"""\
(
  {_SEEN} unless {on("job")} browsertrix_exporter_build_info
)
or on () absent(browsertrix_exporter_build_info)""",
            for_=at.down_hold,
            dashboard=Dashboard.EXPORTER,
        ),
        AlertingRule(
            name="BrowsertrixExporterReplicaDown",
            severity=Severity.WARNING,
            summary="An exporter of Browsertrix cannot be scraped",
            description=f"{INSTANCE} answered within the last day and does not any more.",
            condition="a target that was an exporter within the last day cannot be scraped",
            # A target is an exporter if it served this metric, whatever its job is called.
            expr=f"""\
max {by(*EXPORTER)} (up) == 0
and {on(*EXPORTER)} last_over_time(browsertrix_exporter_build_info[1d])""",
            for_=at.down_hold,
            dashboard=Dashboard.EXPORTER,
        ),
        AlertingRule(
            name="BrowsertrixExporterReplicaMissing",
            severity=Severity.WARNING,
            summary="There are fewer exporters of Browsertrix than before",
            description="Job {{ $labels.job }} has {{ $value }} exporters, and had more within "
            f"the last {remembered}.",
            condition=f"fewer exporters of a job than there were for an hour within the last "
            f"{remembered}",
            # For an hour: while a Deployment is rolled out there is one more for a moment.
            expr=f"{_REPLICAS} < max_over_time(min_over_time({_REPLICAS}[1h])[{remembered}:10m])",
            for_=at.down_hold,
            dashboard=Dashboard.EXPORTER,
        ),
        AlertingRule(
            name="BrowsertrixExporterShardMissing",
            severity=Severity.CRITICAL,
            summary="A part of all crawls is watched by no exporter",
            description="Of the shards of job {{ $labels.job }}, {{ $value }} have no exporter "
            "that is scraped: no alert on their crawls can fire, and what is counted over all "
            "crawls lacks them.",
            condition="fewer shards of a job are scraped than each of them says there are",
            # Shards of another number, while that changes, are not missed for long.
            expr=f"""\
max {by("job")} ({_SHARDS})
- count {by("job")} (count {by("job", SHARD)} ({_SHARDS})) > 0""",
            for_=at.down_hold,
            keep_firing_for=at.bridge,
            dashboard=Dashboard.EXPORTER,
        ),
        AlertingRule(
            name="BrowsertrixExporterRestarting",
            severity=Severity.WARNING,
            summary="An exporter of Browsertrix restarts again and again",
            description=f"{INSTANCE} was started {{{{ $value }}}} times within the last hour.",
            condition=f"started at least {at.exporter_restarts} times within an hour",
            expr=f"""\
max {by(*EXPORTER)} (
  changes(process_start_time_seconds[1h])
  and {on(*EXPORTER)} last_over_time(browsertrix_exporter_build_info[1h])
) >= {at.exporter_restarts}""",
            keep_firing_for=at.bridge,
            dashboard=Dashboard.EXPORTER,
        ),
    )


def _blind(at: Thresholds) -> tuple[AlertingRule, ...]:
    scope = by("scope", SHARD)
    return (
        AlertingRule(
            name="BrowsertrixExporterNotSynced",
            severity=Severity.CRITICAL,
            summary="The exporter has no complete list of the crawls",
            description=f"No exporter could list the CrawlJobs of {_SCOPE}: none of them is "
            "served.",
            condition="no exporter has listed all CrawlJobs of the scope",
            expr=f"max {scope} ({_SYNCED}) == 0",
            for_=at.not_synced_hold,
            keep_firing_for=at.bridge,
            dashboard=Dashboard.EXPORTER,
        ),
        AlertingRule(
            name="BrowsertrixExporterWatchStale",
            severity=Severity.CRITICAL,
            summary="The exporter does not hear of changes any more",
            description=f"No exporter has heard anything of {_SCOPE} for {DURATION}: what is "
            "served is old, and no alert begins on it.",
            condition=f"no list, event or bookmark for {format_duration(at.watch_stale)} at any "
            "exporter",
            expr=f"time() - max {scope} ({_SYNC}) > {at.watch_stale}",
            keep_firing_for=at.bridge,
            dashboard=Dashboard.EXPORTER,
        ),
        AlertingRule(
            name="BrowsertrixExporterReplicaStale",
            severity=Severity.WARNING,
            summary="One of several exporters does not hear of changes any more",
            description=f"{INSTANCE} has heard nothing of {_SCOPE} for "
            f"{format_duration(at.watch_stale)} or more, while another one does: what it serves "
            "is not used.",
            condition=f"no list, event or bookmark for {format_duration(at.watch_stale)} while "
            "another exporter of the scope is in sync",
            expr=f"""\
(
  max {by(*EXPORTER, "scope", SHARD)} ({_SYNCED}) == 0
  or
  max {by(*EXPORTER, "scope", SHARD)} ({_SYNC}) < time() - {at.blind_after}
)
and {on("scope", SHARD)} max {scope} ({_SYNC}) >= time() - {at.blind_after}""",
            for_=at.watch_stale,
            keep_firing_for=at.bridge,
            dashboard=Dashboard.EXPORTER,
        ),
        AlertingRule(
            name="BrowsertrixExporterLabelsRenamed",
            severity=Severity.WARNING,
            summary="Prometheus renames the labels of the exporter",
            description="Series of job {{ $labels.job }} have exported_namespace for namespace: "
            "alerts name the exporter's namespace and pod instead of the crawl's, and are routed "
            "by it. Set honor_labels (honorLabels of a ServiceMonitor).",
            condition="a label `exported_namespace` on the exporter's series",
            expr=f"""\
count {by("job")} (
  browsertrix_crawls{{exported_namespace!=""}}
  or browsertrix_pod_info{{exported_namespace!=""}}
) > 0""",
            keep_firing_for=at.bridge,
            dashboard=Dashboard.EXPORTER,
        ),
    )


def _partly(at: Thresholds) -> tuple[AlertingRule, ...]:
    window, tasks = format_duration(at.unusable_window), format_duration(at.task_window)
    scrapes = format_duration(at.scrape_window)
    return (
        AlertingRule(
            name="BrowsertrixExporterHistoryOff",
            severity=Severity.INFO,
            summary="The exporter keeps no history",
            description=f"{INSTANCE} runs without --history.path: what happens while it is "
            "restarted is lost, and what it served of the time before.",
            condition="an exporter without `--history.path`",
            expr=f"max {by(*EXPORTER)} (browsertrix_exporter_ledger_persistent) == 0",
            for_=at.history_off_hold,
            keep_firing_for=at.bridge,
            dashboard=Dashboard.EXPORTER,
        ),
        AlertingRule(
            name="BrowsertrixExporterWebConfigFailing",
            severity=Severity.WARNING,
            summary="The exporter's web configuration cannot be used as it is now",
            description=f"{INSTANCE} cannot use what --web.config.file says now, and goes on with "
            "what it read before: a password or a certificate that was changed is not in force.",
            condition="a `--web.config.file` that was changed, and cannot be used",
            expr=f"max {by(*EXPORTER)} "
            "(browsertrix_exporter_web_config_last_reload_successful) == 0",
            for_=at.source_hold,
            keep_firing_for=at.bridge,
            dashboard=Dashboard.EXPORTER,
        ),
        AlertingRule(
            name="BrowsertrixExporterSourceDown",
            severity=Severity.INFO,
            summary="The exporter knows only a part of what is to know",
            description=f"No exporter can read its source {{{{ $labels.source }}}} in {_SCOPE}: "
            "what that would say is not served, and alerts that need it do not fire.",
            condition="a source other than the CrawlJobs that is on and cannot be read",
            expr=f"max {by('source', 'scope', SHARD)} "
            '(browsertrix_exporter_source_up{source!="crawljobs"}) == 0',
            for_=at.source_hold,
            keep_firing_for=at.bridge,
            dashboard=Dashboard.EXPORTER,
        ),
        AlertingRule(
            name="BrowsertrixExporterParseProblems",
            severity=Severity.INFO,
            summary="CrawlJobs have fields that cannot be read",
            description="{{ $value }} CrawlJobs in {{ $labels.namespace }} have a field that "
            "cannot be read; what it would say is missing. The exporter's log names object and "
            "field.",
            condition="CrawlJobs with a field that cannot be read",
            expr=f"{added('browsertrix_malformed_crawljobs', 'namespace')} > 0",
            for_=at.malformed_hold,
            keep_firing_for=at.bridge,
            dashboard=Dashboard.EXPORTER,
        ),
        AlertingRule(
            name="BrowsertrixExporterUnusableObjects",
            severity=Severity.WARNING,
            summary="CrawlJobs cannot be read at all",
            description=f"CrawlJobs of {_SCOPE} cannot be read at all and are not served as they "
            "are. The exporter's log names them.",
            condition=f"an object that cannot be read at all was received within the last {window}",
            expr=f"max {by('scope', SHARD)} "
            f"(increase(browsertrix_exporter_unusable_objects_total[{window}])) > 0",
            keep_firing_for=at.bridge,
            dashboard=Dashboard.EXPORTER,
        ),
        AlertingRule(
            name="BrowsertrixExporterLedgerFailing",
            severity=Severity.WARNING,
            summary="The exporter cannot write down what happens",
            description=f"{INSTANCE} cannot write its ledger: what happens now is forgotten if "
            "it is restarted. Its log says why.",
            condition="the ledger cannot be written",
            expr=f"max {by(*EXPORTER)} (browsertrix_exporter_ledger_failing) == 1",
            for_=at.ledger_hold,
            keep_firing_for=at.bridge,
            dashboard=Dashboard.EXPORTER,
        ),
        AlertingRule(
            name="BrowsertrixExporterHookSilent",
            severity=Severity.WARNING,
            summary="Metacontroller does not call the exporter",
            description=f"{INSTANCE} was not called by metacontroller for {DURATION}, and hears of "
            "crawls in no other way.",
            condition=f"with `--source.kubernetes=metacontroller`, no call for "
            f"{format_duration(at.watch_stale)}, also none since the start, though there is "
            "something to call about",
            expr=f"""\
time() - max {by(*EXPORTER)} ({_LAST_CALL}) > {at.watch_stale}
and {on(*EXPORTER)}
min {by(*EXPORTER)} (browsertrix_exporter_source_up{{{_CRAWLJOBS}}}) == 0""",
            keep_firing_for=at.bridge,
            dashboard=Dashboard.EXPORTER,
        ),
        AlertingRule(
            name="BrowsertrixExporterReleasedUnrecorded",
            severity=Severity.WARNING,
            summary="Crawls were deleted whose end is not on disk",
            description=f"{INSTANCE} let metacontroller delete crawls without their end in the "
            'ledger: {{ if eq $labels.reason "unreadable" }}their CrawlJobs could not be read'
            "{{ else }}it could not be written for ten minutes, and restarted now, the exporter "
            "does not know of them{{ end }}.",
            condition=f"within the last {window}, with `--metacontroller.finalize`, a crawl was "
            "released unrecorded",
            expr=f"max {by(*EXPORTER, 'reason')} "
            f"(increase(browsertrix_exporter_hook_unrecorded_releases_total[{window}])) > 0",
            keep_firing_for=at.bridge,
            dashboard=Dashboard.EXPORTER,
        ),
        AlertingRule(
            name="BrowsertrixExporterAlertmanagerFailing",
            severity=Severity.WARNING,
            summary="The exporter cannot deliver alerts to Alertmanager",
            description=f"{INSTANCE} cannot deliver event alerts to {{{{ $labels.alertmanager }}}}"
            "{{ with $labels.address }} at {{ . }}{{ end }}, or one of them is refused. "
            "Its log says why.",
            condition="an Alertmanager of `--alertmanager.url` cannot be found or reached, or "
            "refuses an alert",
            expr=f"max {by(*EXPORTER, 'alertmanager', 'address')} "
            "(browsertrix_exporter_alertmanager_failing) == 1",
            for_=at.delivery_hold,
            keep_firing_for=at.bridge,
            dashboard=Dashboard.EXPORTER,
        ),
        AlertingRule(
            name="BrowsertrixExporterTaskFailing",
            severity=Severity.WARNING,
            summary="A part of the exporter fails again and again",
            description=f"{INSTANCE}: {{{{ $labels.task }}}} was run again several times within "
            f"{tasks}, each time after a fault. Its log says which.",
            condition=f"a part was run again more than {at.task_restarts} times within {tasks}",
            expr=f"max {by(*EXPORTER, 'task')} "
            f"(increase(browsertrix_exporter_task_restarts_total[{tasks}])) "
            f"> {at.task_restarts}",
            keep_firing_for=at.bridge,
            dashboard=Dashboard.EXPORTER,
        ),
        AlertingRule(
            name="BrowsertrixExporterScrapeSlow",
            severity=Severity.WARNING,
            summary="Scrapes of the exporter take too long",
            description=f"One in ten scrapes of {INSTANCE[0].lower()}{INSTANCE[1:]} takes "
            f"longer than {DURATION}; beyond the scrape timeout they are lost.",
            condition=f"the {at.scrape_quantile:.0%} quantile of scrapes within {scrapes} is "
            f"above {at.scrape_seconds}s",
            expr=f"""\
histogram_quantile({at.scrape_quantile}, sum {by(*EXPORTER, "le")} (
  rate(browsertrix_exporter_scrape_duration_seconds_bucket[{scrapes}])
)) > {at.scrape_seconds}""",
            for_=at.scrape_hold,
            dashboard=Dashboard.EXPORTER,
        ),
    )


def group(at: Thresholds) -> RuleGroup:
    """The group with these thresholds."""
    return RuleGroup(
        name="browsertrix-exporter",
        topic="Browsertrix's operator and the exporter itself",
        rules=(
            operator_pulse.silent(at),
            *_down(at),
            *_blind(at),
            *_partly(at),
            *browsertrix_client.rules(at),
        ),
    )
