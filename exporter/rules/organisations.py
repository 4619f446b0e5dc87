"""Organisations: quotas nearly used up, used up or soon to be, queues, read-only.

What is allowed and used is asked of Browsertrix (``--browsertrix.url``). Without that, of those
without a quota and while nobody could ask for three intervals there are no series: nothing fires.

Whether a quota *is* used up Browsertrix's own rule decides. How fast it fills is what a day's
average has risen by within a week: a working week, a nightly run and one big upload are in it
once, whenever it is looked at. That is recorded, so that a restart of the exporter, which is
another instance, leaves no gap in it.
"""

from typing import Final

from exporter.alerting.event_alerts import format_duration
from exporter.alerting.names import ORG
from exporter.rules.promql import added, by, on
from exporter.rules.rule import (
    DURATION,
    PERCENT,
    AlertingRule,
    Dashboard,
    RecordingRule,
    RuleGroup,
    Severity,
)
from exporter.rules.thresholds import Thresholds

_ORG: Final = ("oid",)
_WEEK: Final = 7 * 86_400
_SUBJECT: Final = f"Organisation {ORG}"

STORED: Final = "oid:browsertrix_org_storage_projected:bytes"
EXEC: Final = "oid:browsertrix_org_exec:seconds"
_AVAILABLE: Final = "oid:browsertrix_org_exec_available:seconds"
MINUTES_USED: Final = "oid:browsertrix_org_exec_used:ratio"
STORAGE_LEFT: Final = "oid:browsertrix_org_storage_left:seconds"
MINUTES_LEFT: Final = "oid:browsertrix_org_exec_left:seconds"

_MONTH_LEFT: Final = "(scalar(days_in_month() - day_of_month()) + 1) * 86400 - time() % 86400"
"""Seconds until this month ends, in UTC as Browsertrix's months do."""


def _of(metric: str) -> str:
    return f"max {by(*_ORG)} (browsertrix_org_{metric})"


def _reached(quota: str) -> str:
    return _of(f'quota_reached{{quota="{quota}"}}')


RECORDS: Final = (
    RecordingRule(
        name=STORED,
        description="Bytes that an organisation has stored, with those that its running crawls "
        "will add",
        labels=_ORG,
        expr=f"{added('browsertrix_org_storage_projected_bytes', *_ORG)}\n"
        f"or {_of('storage_used_bytes')}",
    ),
    RecordingRule(
        name=EXEC,
        description="Seconds that an organisation's crawlers have run this month (UTC)",
        labels=_ORG,
        expr=_of("exec_month_seconds"),
    ),
    RecordingRule(
        name=_AVAILABLE,
        description="Seconds that an organisation with a monthly quota may still run: the rest of "
        "the month's, gifted and extra ones",
        labels=_ORG,
        # Browsertrix adds up no more than the quota; an old value may still be above a new quota.
        expr=f"""\
clamp_min({_of("exec_quota_seconds")} - {_of("billed_exec_seconds")}, 0)
+ ({_of("gifted_exec_seconds_available")} or 0 * {_of("exec_quota_seconds")})
+ ({_of("extra_exec_seconds_available")} or 0 * {_of("exec_quota_seconds")})""",
    ),
    RecordingRule(
        name=MINUTES_USED,
        description="What an organisation has used of the monthly quota, over that and what it may "
        "still run",
        labels=_ORG,
        expr=f"""\
{_of("billed_exec_seconds")}
/ ({_of("billed_exec_seconds")} + {_AVAILABLE} > 0)""",
    ),
)


def _near(at: Thresholds, name: str, *, what: str, ratio: str, quota: str) -> AlertingRule:
    """One alert, of which each level is another: the second notifies of what the first did once."""

    def level(name: str, share: float) -> str:
        return f'label_replace({ratio} >= {share}, "level", "{name}", "", "")'

    return AlertingRule(
        name=name,
        severity=Severity.WARNING,
        summary=f"An organisation has nearly used up its {what}",
        description=f"{_SUBJECT} has used {PERCENT} of its {what}; at 100 % its crawls are paused "
        "or stopped, and none starts.",
        condition=f"at least {at.org_near:.0%} of the {what} used (label `level` is `first`), and "
        f"at least {at.org_nearer:.0%} (`second`); not used up yet",
        expr=f"""\
(
  {level("first", at.org_near)}
  or
  {level("second", at.org_nearer)}
)
unless {on(*_ORG)} {_reached(quota)} == 1""",
        keep_firing_for=at.bridge,
        dashboard=Dashboard.QUOTAS,
    )


def _used_up(at: Thresholds, name: str, *, what: str, until: str, quota: str) -> AlertingRule:
    return AlertingRule(
        name=name,
        severity=Severity.WARNING,
        summary=f"An organisation has used up its {what}",
        description=f"{_SUBJECT} has used up its {what}: its crawls are paused or stopped, and "
        f"none starts until {until}.",
        condition=f"the {what} is used up, as Browsertrix reckons",
        expr=f"{_reached(quota)} == 1",
        keep_firing_for=at.bridge,
        dashboard=Dashboard.QUOTAS,
    )


def _watched(at: Thresholds, record: str) -> str:
    """``and …``: those whose use was recorded on this day and on that a week ago."""
    return f"""\
and count_over_time({record}[1d]) >= {at.quota_samples}
and count_over_time({record}[1d] offset 1w) >= {at.quota_samples}"""


def _forecasts(at: Thresholds) -> tuple[RecordingRule, ...]:
    """How long what is left lasts; dashboards show what alerts go by."""
    quota = _of("storage_quota_bytes")
    rise = f"(avg_over_time({STORED}[1d]) - avg_over_time({STORED}[1d] offset 1w)) / {_WEEK}"
    return (
        RecordingRule(
            name=STORAGE_LEFT,
            description="Seconds until an organisation has used up its storage, if it goes on as "
            "in the last week; of those that store more than a week ago",
            labels=_ORG,
            expr=f"""\
clamp_min({quota} - {STORED}, 0)
/ ({rise} > 0)
{_watched(at, STORED)}""",
        ),
        RecordingRule(
            name=MINUTES_LEFT,
            description="Seconds until an organisation has used up the execution time that it may "
            "still run, if it goes on as in the last week; beyond the end of the month there is "
            "new time",
            labels=_ORG,
            # A month's change is a reset to 0, which `increase` takes for one.
            expr=f"""\
{_AVAILABLE}
/ (increase({EXEC}[1w]) / {_WEEK} > 0)
{_watched(at, EXEC)}""",
        ),
    )


def _storage_full(at: Thresholds) -> AlertingRule:
    horizon = format_duration(at.storage_horizon)
    quota = _of("storage_quota_bytes")
    return AlertingRule(
        name="BrowsertrixOrgStorageFullWithinDays",
        severity=Severity.WARNING,
        summary="An organisation is going to use up its storage",
        description=f"{_SUBJECT} will have used up its storage "
        f"{{{{ if gt $value 0.0 }}}}in {DURATION} if it goes on as in the last week"
        "{{ else }}once the crawls that run now have ended{{ end }}.",
        condition=f"at least {at.quota_level:.0%} of the storage quota used, and as much as within "
        f"the last week uses it up within {horizon}; or what running crawls hold does",
        expr=f"""\
(
  (
    {STORAGE_LEFT} < {at.storage_horizon}
    and {STORED} >= {at.quota_level} * {quota}
  )
  or
  0 * ({STORED} >= {quota})
)
unless {on(*_ORG)} {_reached("storage")} == 1""",
        for_=at.org_prediction_hold,
        keep_firing_for=at.bridge,
        dashboard=Dashboard.QUOTAS,
    )


def _minutes_gone(at: Thresholds) -> AlertingRule:
    margin = format_duration(at.minutes_margin)
    return AlertingRule(
        name="BrowsertrixOrgMinutesGoneBeforeMonthEnd",
        severity=Severity.WARNING,
        summary="An organisation is going to use up its execution time before the month ends",
        description=f"{_SUBJECT} will have used up its execution time of this month, and what was "
        f"given beside, in {DURATION} if it goes on as in the last week.",
        condition=f"at least {at.quota_level:.0%} of the execution time used, and as much as "
        f"within the last week uses it up more than {margin} before the month ends (UTC)",
        expr=f"""\
(
  {MINUTES_LEFT} < {_MONTH_LEFT} - {at.minutes_margin}
  and {MINUTES_USED} >= {at.quota_level}
)
unless {on(*_ORG)} {_reached("exec_minutes")} == 1""",
        for_=at.org_prediction_hold,
        keep_firing_for=at.bridge,
        dashboard=Dashboard.QUOTAS,
    )


def _read_only(at: Thresholds) -> AlertingRule:
    window = format_duration(at.read_only_window)
    return AlertingRule(
        name="BrowsertrixOrgReadOnly",
        severity=Severity.WARNING,
        summary="An organisation was set read-only",
        description=f"{_SUBJECT} was set read-only: its crawls are paused or stopped, and none "
        "starts.",
        condition=f"read-only, and was not within the last {window}",
        # By the lowest of all instances: one that was restarted since knows only of read-only.
        expr=f"""\
{_of("read_only")} == 1
and {on(*_ORG)} min {by(*_ORG)} (min_over_time(browsertrix_org_read_only[{window}])) == 0""",
        keep_firing_for=at.bridge,
        dashboard=Dashboard.QUOTAS,
    )


def quotas(at: Thresholds) -> RuleGroup:
    """Use against what is allowed, now."""
    storage, minutes = "storage quota", "execution time"
    return RuleGroup(
        name="browsertrix-organisations",
        topic="Organisations and their quotas",
        interval="1m",
        rules=(
            _near(
                at,
                "BrowsertrixOrgStorageNearQuota",
                what=storage,
                ratio=_of("storage_usage_ratio"),
                quota="storage",
            ),
            _used_up(
                at,
                "BrowsertrixOrgStorageQuotaReached",
                what=storage,
                until="something is deleted or the quota raised",
                quota="storage",
            ),
            _used_up(
                at,
                "BrowsertrixOrgMinutesQuotaReached",
                what=minutes,
                until="next month, or until minutes are given",
                quota="exec_minutes",
            ),
            _read_only(at),
        ),
    )


def predictions(at: Thresholds) -> RuleGroup:
    """What is used, recorded; and when it will be used up."""
    return RuleGroup(
        name="browsertrix-organisations-use",
        topic="Organisations: on the way to a quota",
        interval="5m",
        rules=(
            *RECORDS,
            *_forecasts(at),
            _storage_full(at),
            _near(
                at,
                "BrowsertrixOrgMinutesNearQuota",
                what="execution time",
                ratio=MINUTES_USED,
                quota="exec_minutes",
            ),
            _minutes_gone(at),
        ),
    )
