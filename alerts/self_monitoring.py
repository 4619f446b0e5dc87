"""The exporter itself: if it serves nothing or old data, no alert on crawls can be relied on."""

from typing import Final

from alerts import thresholds as at
from alerts.rule import DURATION, AlertingRule, Dashboard, RuleGroup, Severity

_INSTANCE: Final = "Exporter {{ $labels.instance }}"
_SCOPE: Final = (
    '{{ if eq $labels.scope "*" }}all namespaces{{ else }}namespace {{ $labels.scope }}{{ end }}'
)

_BLIND: Final = (
    AlertingRule(
        name="BrowsertrixExporterDown",
        severity=Severity.CRITICAL,
        summary="No exporter of Browsertrix is being scraped",
        description="Prometheus gets nothing from any browsertrix-exporter: no alert on crawls "
        "can fire.",
        condition="no exporter was scraped",
        expr="absent(browsertrix_exporter_build_info)",
        for_=at.DOWN_HOLD,
        dashboard=Dashboard.EXPORTER,
    ),
    AlertingRule(
        name="BrowsertrixExporterReplicaDown",
        severity=Severity.WARNING,
        summary="An exporter of Browsertrix cannot be scraped",
        description=f"{_INSTANCE} answered within the last day and does not any more.",
        condition="a target that was an exporter within the last day cannot be scraped",
        # A target is an exporter if it served this metric, whatever its job is called.
        expr="""\
max by (job, instance) (up) == 0
and on (job, instance) last_over_time(browsertrix_exporter_build_info[1d])""",
        for_=at.DOWN_HOLD,
        dashboard=Dashboard.EXPORTER,
    ),
    AlertingRule(
        name="BrowsertrixExporterNotSynced",
        severity=Severity.CRITICAL,
        summary="The exporter has no complete list of the crawls",
        description=f"No exporter could list the CrawlJobs of {_SCOPE}: none of them is served.",
        condition="no exporter has listed all CrawlJobs of the scope",
        expr="max by (scope) (browsertrix_exporter_synced) == 0",
        for_=at.NOT_SYNCED_HOLD,
        keep_firing_for=at.BRIDGE,
        dashboard=Dashboard.EXPORTER,
    ),
    AlertingRule(
        name="BrowsertrixExporterWatchStale",
        severity=Severity.CRITICAL,
        summary="The exporter does not hear of changes any more",
        description=f"No exporter has heard anything of {_SCOPE} for {DURATION}: what is served "
        "is old.",
        condition=f"no list, event or bookmark for more than {at.WATCH_STALE_SECONDS // 60}m",
        expr=f"""\
time() - max by (scope) (browsertrix_exporter_last_sync_timestamp_seconds)
> {at.WATCH_STALE_SECONDS}""",
        for_=at.WATCH_HOLD,
        keep_firing_for=at.BRIDGE,
        dashboard=Dashboard.EXPORTER,
    ),
)

_PARTLY: Final = (
    AlertingRule(
        name="BrowsertrixExporterParseProblems",
        severity=Severity.INFO,
        summary="CrawlJobs have fields that cannot be read",
        description="{{ $value }} CrawlJobs in {{ $labels.namespace }} have a field that cannot "
        "be read; what it would say is missing. The exporter's log names object and field.",
        condition="CrawlJobs with a field that cannot be read",
        expr="max by (namespace) (browsertrix_malformed_crawljobs) > 0",
        for_=at.MALFORMED_HOLD,
        keep_firing_for=at.BRIDGE,
        dashboard=Dashboard.EXPORTER,
    ),
    AlertingRule(
        name="BrowsertrixExporterUnusableObjects",
        severity=Severity.WARNING,
        summary="CrawlJobs cannot be read at all",
        description=f"CrawlJobs of {_SCOPE} cannot be read at all and are not served as they "
        "are. The exporter's log names them.",
        condition="an object that cannot be read at all was received within the last "
        f"{at.UNUSABLE_WINDOW}",
        expr="max by (scope) "
        f"(increase(browsertrix_exporter_unusable_objects_total[{at.UNUSABLE_WINDOW}])) > 0",
        keep_firing_for=at.BRIDGE,
        dashboard=Dashboard.EXPORTER,
    ),
    AlertingRule(
        name="BrowsertrixExporterLedgerFailing",
        severity=Severity.WARNING,
        summary="The exporter cannot write down what happens",
        description=f"{_INSTANCE} cannot write its ledger: what happens now is forgotten if it "
        "is restarted. Its log says why.",
        condition="the ledger cannot be written",
        expr="max by (job, instance) (browsertrix_exporter_ledger_failing) == 1",
        for_=at.LEDGER_HOLD,
        keep_firing_for=at.BRIDGE,
        dashboard=Dashboard.EXPORTER,
    ),
    AlertingRule(
        name="BrowsertrixExporterAlertmanagerFailing",
        severity=Severity.WARNING,
        summary="The exporter cannot deliver alerts to Alertmanager",
        description=f"{_INSTANCE} cannot deliver event alerts to "
        "{{ $labels.alertmanager }}, or one of them is refused. Its log says why.",
        condition="an Alertmanager of `--alertmanager.url` cannot be reached, or refuses an alert",
        expr="max by (job, instance, alertmanager) "
        "(browsertrix_exporter_alertmanager_failing) == 1",
        for_=at.DELIVERY_HOLD,
        keep_firing_for=at.BRIDGE,
        dashboard=Dashboard.EXPORTER,
    ),
    AlertingRule(
        name="BrowsertrixExporterTaskFailing",
        severity=Severity.WARNING,
        summary="A part of the exporter fails again and again",
        description=f"{_INSTANCE}: {{{{ $labels.task }}}} was run again several times within "
        f"{at.TASK_WINDOW}, each time after a fault. Its log says which.",
        condition=f"a part was run again more than {at.TASK_RESTARTS} times within "
        f"{at.TASK_WINDOW}",
        expr="max by (job, instance, task) "
        f"(increase(browsertrix_exporter_task_restarts_total[{at.TASK_WINDOW}])) "
        f"> {at.TASK_RESTARTS}",
        keep_firing_for=at.BRIDGE,
        dashboard=Dashboard.EXPORTER,
    ),
    AlertingRule(
        name="BrowsertrixExporterScrapeSlow",
        severity=Severity.WARNING,
        summary="Scrapes of the exporter take too long",
        description=f"One in ten scrapes of {_INSTANCE[0].lower()}{_INSTANCE[1:]} takes longer "
        f"than {DURATION}; beyond the scrape timeout they are lost.",
        condition=f"the {at.SCRAPE_QUANTILE:.0%} quantile of scrapes within {at.SCRAPE_WINDOW} is "
        f"above {at.SCRAPE_SECONDS}s",
        expr=f"""\
histogram_quantile({at.SCRAPE_QUANTILE}, sum by (job, instance, le) (
  rate(browsertrix_exporter_scrape_duration_seconds_bucket[{at.SCRAPE_WINDOW}])
)) > {at.SCRAPE_SECONDS}""",
        for_=at.SCRAPE_HOLD,
        dashboard=Dashboard.EXPORTER,
    ),
)

GROUP: Final = RuleGroup(
    name="browsertrix-exporter", topic="The exporter itself", rules=(*_BLIND, *_PARTLY)
)
