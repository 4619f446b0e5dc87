"""Every number of the alerts, each with its reason: the one place to tune them.

``browsertrix-exporter rules --set NAME=VALUE`` changes one; docs/alerts.md lists all. A ``…_hold``
is an alert's ``for``, which Prometheus calls the hold duration. It is ten minutes at least: a
shorter one begins anew with every restart of Prometheus (``--rules.alert.for-grace-period``), and
who was notified is notified again. How long an event alert is active stands, with its reason, in
``exporter/alerting/event_alerts.py``: the exporter, which can post event alerts, needs it too.
"""

from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from exporter.settings.values import duration


def _seconds(value: Any) -> Any:
    """A duration as Prometheus writes it, or a number of seconds."""
    return int(duration(str(value)))


Seconds = Annotated[int, BeforeValidator(_seconds), Field(ge=1)]
Share = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]

_MINUTE: Final = 60
_HOUR: Final = 3600
_DAY: Final = 86400


def _because(default: float, reason: str) -> Any:
    return Field(default=default, description=reason)


class Thresholds(BaseModel):
    """What the rules are made with. Durations in seconds; shares from 0 to 1."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # Lost scrapes, and exporters that are not in sync ----------------------------------------
    bridge: Seconds = _because(
        15 * _MINUTE,
        "How long a condition goes on firing without a sample: a restart of the exporter with a "
        "new image, or of its node, must not resolve an alert and notify of it again.",
    )
    blind_after: Seconds = _because(
        3 * _MINUTE,
        "Without any sign of the API server for so long, an exporter's facts are old. A bookmark "
        "comes every minute, and a watch without one is renewed after 90 s.",
    )
    outdated_after: Seconds = _because(
        3 * _MINUTE,
        "An exporter so far behind another one is not believed any more. Bookmarks reach a pair "
        "up to a minute apart, and scrapes do.",
    )

    # Ended as … --------------------------------------------------------------------------------
    failure_ratio: Share = _because(
        0.5,
        "Failed crawls of the last hour as a share. A site that is down fails one workflow; half "
        "of all crawls failing is the cluster, the proxy or the storage.",
    )
    failures: Count = _because(5, "And in number: of two crawls, one failing is no rate.")
    failing_orgs: Count = _because(
        2, "And of so many organisations: one expired login fails its own workflows alone."
    )

    # Paused --------------------------------------------------------------------------------------
    pause_day: Seconds = _because(
        _DAY, "A first warning before a paused crawl is given up: time to find its owner."
    )
    pause_hour: Seconds = _because(_HOUR, "The last chance, which pages.")
    paused_by: Seconds = _because(
        5 * _MINUTE,
        "Browsertrix writes a pause's reason and the state in separate steps; they settle first.",
    )
    pause_overdue: Seconds = _because(
        15 * _MINUTE,
        "A crawl still paused so long after its pause should have expired: the exporter's "
        "`--pause-limit` is not Browsertrix's, or its operator does not act.",
    )

    # Limits --------------------------------------------------------------------------------------
    limit_near: Share = _because(
        0.9,
        "Share of the size or time limit from which to warn. A crawl that ends at its limit is "
        "`complete` to Browsertrix: nothing else says that pages are missing.",
    )
    size_horizon: Seconds = _because(
        4 * _HOUR, "Half a working day: time to raise the limit or narrow the scope."
    )
    time_horizon: Seconds = _because(
        _HOUR, "Elapsed time runs at one second a second: looking further repeats the limit."
    )
    prediction_window: Seconds = _because(_HOUR, "Crawls grow in bursts as files are closed.")
    prediction_samples: Count = _because(
        20,
        "A line through two samples pages at 3 a.m. The ratio is recorded once a minute: so many "
        "of the window, which a lost scrape or two do not change.",
    )
    prediction_level: Share = _because(0.5, "And at least half of the limit used.")
    prediction_hold: Seconds = _because(10 * _MINUTE, "And all that for ten minutes.")

    # Pods ----------------------------------------------------------------------------------------
    memory_near: Share = _because(
        0.95,
        "Of its limit, where it is killed; where that is unknown, of what Browsertrix gave it. "
        "Auto-resize acts at 0.90 of that; above this it did not help.",
    )
    memory_hold: Seconds = _because(10 * _MINUTE, "It needs a few minutes to act.")
    cpu_near: Share = _because(
        0.95, "Of what it asks for: it has no limit. Browsers use all they get for minutes on end."
    )
    cpu_hold: Seconds = _because(
        30 * _MINUTE, "Half an hour means that it needs more than it asks for."
    )
    storage_near: Share = _because(
        0.8,
        "At 90 % of its disk (`disk_utilization_threshold`) the crawler uploads what it has, ends "
        "its session and is started again.",
    )
    eviction_storm: Count = _because(
        5, "One eviction is Kubernetes at work; five are a node in trouble."
    )
    oom_storm: Count = _because(
        5, "One page may need too much memory; five crawlers were given too little."
    )
    storm_window: Seconds = _because(15 * _MINUTE, "So many within this time are a storm.")
    redis_oom_window: Seconds = _because(
        15 * _MINUTE, "How long a redis out of memory is notified of: a status does not date it."
    )
    crashes: Count = _because(
        3,
        "Kubernetes restarts a crashed crawler without end; three times within the hour means that "
        "it crashes on the same page again and again.",
    )
    crashes_window: Seconds = _because(_HOUR, "The time within which they are counted.")
    crash_loop: Seconds = _because(
        15 * _MINUTE, "Kubernetes waits up to 5 minutes between restarts: this is several."
    )
    restart_pending: Seconds = _because(
        30 * _MINUTE, "Before it restarts, a crawler may finish its page and commit its data."
    )
    fewer_pods_hold: Seconds = _because(
        30 * _MINUTE,
        "A pod that is replaced is there in minutes; a crawl with half its pods is slow.",
    )

    unschedulable: Seconds = _because(
        20 * _MINUTE,
        "An autoscaler brings a node in ten minutes; where its first try fails, in another zone, "
        "it needs as long again.",
    )
    start_failing: Seconds = _because(
        10 * _MINUTE,
        "Counted from when the pod got its node. The kubelet tries again after seconds, later "
        "every five minutes: a registry that fails for a moment is over by then.",
    )

    volume_hold: Seconds = _because(
        15 * _MINUTE, "A volume is made and attached within a minute or two, and tried again then."
    )
    volume_near: Share = _because(
        0.9,
        "At 90 % of its disk (`disk_utilization_threshold`) the crawler uploads what it has and "
        "empties the volume.",
    )
    volume_near_hold: Seconds = _because(
        10 * _MINUTE, "It needs some minutes for that: this says that it did not help."
    )
    volume_horizon: Seconds = _because(
        _HOUR, "A volume that can be enlarged is in minutes; crawlers fill and empty theirs often."
    )

    index_hold: Seconds = _because(
        3 * _HOUR, "The import of a large collection takes hours; its crawls start only after it."
    )

    # Organisations, workflows and background jobs: what Browsertrix's API says ------------------
    org_near: Share = _because(
        0.8, "Of the storage or of the minutes there are: time to ask who pays for more."
    )
    org_nearer: Share = _because(0.9, "And once more, for what was put off.")
    storage_horizon: Seconds = _because(
        4 * _DAY,
        "A long weekend is three days and a half: told of on Friday, it can wait for none.",
    )
    quota_level: Share = _because(
        0.5,
        "At least half of a quota used: a line from far below says little, and a month's first "
        "days say nothing.",
    )
    quota_samples: Count = _because(
        40,
        "Use is recorded every 5 minutes: on both days that are compared, a week apart, exporter "
        "and Prometheus were there for more than three hours.",
    )
    minutes_margin: Seconds = _because(
        2 * _DAY,
        "By so much before the month ends: a weekend, on which crawls of working days do not run.",
    )
    org_prediction_hold: Seconds = _because(
        30 * _MINUTE, "And all that for half an hour: six values that are recorded."
    )
    queue_hold: Seconds = _because(
        3 * _HOUR,
        "For so long a crawl waits and none of those that take its place finishes a page, changes "
        "its state or ends: paused ones, mostly.",
    )
    read_only_window: Seconds = _because(
        _DAY, "How long it is notified of: an organisation may be meant to stay read-only."
    )
    run_grace: Seconds = _because(
        _HOUR,
        "Kubernetes may start a CronJob late, and workflows are asked for only every few minutes.",
    )
    run_failures: Count = _because(
        3, "A site may be down for a night or two; after three runs somebody must look."
    )
    empty_pages: Count = _because(
        5, "Pages that an earlier run had, at least; one with a page or two is a test."
    )
    job_hold: Seconds = _because(
        _DAY, "At 20 MB/s a replica of 1.7 TB takes a day; most jobs take minutes."
    )
    client_hold: Seconds = _because(
        10 * _MINUTE, "It is so until somebody changes a file or a flag."
    )

    # Stuck ---------------------------------------------------------------------------------------
    capacity_hold: Seconds = _because(
        30 * _MINUTE,
        "An autoscaler brings a node in ten minutes; crawls have waited for 13 days unseen.",
    )
    org_limit_hold: Seconds = _because(
        12 * _HOUR, "Waiting in its organisation's queue is what the limit is for; not overnight."
    )
    dedupe_index_hold: Seconds = _because(_HOUR, "An index is restored from its backup in minutes.")
    starting_hold: Seconds = _because(
        15 * _MINUTE,
        "Browsertrix calls it `waiting_capacity` after 150 s if its pods do not run; this is "
        "without any, and outlasts a restart of the operator.",
    )
    progress_hold: Seconds = _because(
        _HOUR, "Without a page and without a byte. Long behaviours take up to 10 minutes a page."
    )
    pausing_hold: Seconds = _because(
        30 * _MINUTE, "Pausing ends the pages at work; the upload that follows has its own alert."
    )
    resuming_hold: Seconds = _because(30 * _MINUTE, "Resuming needs a node, as starting does.")
    stopping_hold: Seconds = _because(
        _HOUR, "Stopping ends the pages at work; the upload that follows has its own alert."
    )
    uploading_hold: Seconds = _because(
        2 * _HOUR, "Sessions are at most 10 GB: two hours are 1.4 MB/s."
    )
    not_deleted: Seconds = _because(
        20 * _MINUTE, "A finished CrawlJob goes after 30 to 40 s, later only while pods drain."
    )
    rate_limited_hold: Seconds = _because(
        _HOUR, "Browsertrix pauses such a crawl after 12 hours (`rate_limit_max_duration_minutes`)."
    )

    # Browsertrix's operator, and the exporter itself ---------------------------------------------
    operator_silent: Seconds = _because(
        10 * _MINUTE,
        "The operator writes the status of a crawl at work about every minute; a restart of it "
        "takes a few.",
    )
    down_hold: Seconds = _because(
        10 * _MINUTE, "A restart with a new image takes minutes; Prometheus's own restart none."
    )
    exporter_remembered: Seconds = _because(
        30 * _DAY, "So long is an exporter missed that is gone with its target."
    )
    replicas_remembered: Seconds = _because(_DAY, "So long is a replica missed that is gone.")
    not_synced_hold: Seconds = _because(
        10 * _MINUTE, "A restart with 10,000 CrawlJobs takes seconds, pulling its image minutes."
    )
    watch_stale: Seconds = _because(
        10 * _MINUTE, "A restart of a control plane's API server takes a minute or two."
    )
    source_hold: Seconds = _because(
        15 * _MINUTE, "An upgrade of metrics-server or of the control plane takes less."
    )
    exporter_restarts: Count = _because(
        3, "Once is an upgrade; so often within the hour it is killed or fails."
    )
    malformed_hold: Seconds = _because(15 * _MINUTE, "Browsertrix's next write may mend it.")
    unusable_window: Seconds = _because(_HOUR, "How long it is notified of.")
    task_restarts: Count = _because(
        3, "One odd answer may end a part once; its next run is not answered the same."
    )
    task_window: Seconds = _because(30 * _MINUTE, "The time within which they are counted.")
    ledger_hold: Seconds = _because(
        10 * _MINUTE, "Writing is tried again at least every 30 s: these are twenty failures."
    )
    history_off_hold: Seconds = _because(
        10 * _MINUTE, "It is so from the start; nobody need hurry."
    )
    delivery_hold: Seconds = _because(
        10 * _MINUTE, "A restart of Alertmanager takes less; an event is posted for an hour."
    )
    scrape_seconds: Seconds = _because(
        5, "Half of Prometheus's usual `scrape_timeout` of 10 s, beyond which scrapes are lost."
    )
    scrape_quantile: Share = _because(0.9, "One scrape in ten slower than that.")
    scrape_window: Seconds = _because(15 * _MINUTE, "The scrapes that are looked at.")
    scrape_hold: Seconds = _because(15 * _MINUTE, "And all that for a quarter of an hour.")
