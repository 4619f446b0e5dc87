"""Browsertrix's own rules: when an organisation's storage is up, and when its time is.

It says both of itself only where one organisation is asked for, never in lists; they are computed
here as ``backend/btrixcloud/orgs.py`` does it. Unknown is not false: None where a figure that would
decide is missing.
"""

from datetime import UTC, datetime

from exporter.resources.browsertrix.organisation import Organisation, in_month


def month_of(at: float) -> str:
    """Return the month that Browsertrix books a moment under: ``YYYY-MM`` in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m")


def month_before(month: str) -> str:
    """Return the month before one as ``month_of`` writes it."""
    year, number = int(month[:4]), int(month[5:])
    return f"{year:04}-{number - 1:02}" if number > 1 else f"{year - 1:04}-12"


def next_month_starts(at: float) -> float:
    """Return when the month after that of ``at`` begins, in seconds since 1970."""
    now = datetime.fromtimestamp(at, UTC)
    year, month = (now.year, now.month + 1) if now.month < 12 else (now.year + 1, 1)
    return datetime(year, month, 1, tzinfo=UTC).timestamp()


def storage_quota_reached(org: Organisation) -> bool | None:
    """Whether what is stored has reached the quota; False where there is none."""
    quota = org.quotas.storage_quota
    if quota is None or (quota and org.bytes_stored is None):
        return None
    return bool(quota) and (org.bytes_stored or 0) >= quota


def exec_minutes_quota_reached(org: Organisation, month: str) -> bool | None:
    """Whether no crawl may run any more in ``month`` for want of minutes.

    Gifted and extra minutes count only while such a quota is set, and only what is left of them;
    the month's whole minutes are compared with its quota. Where only gifted or extra ones were
    given and none are left, time is up as well.
    """
    quotas = org.quotas
    given = (
        quotas.max_exec_minutes_per_month,
        quotas.gifted_exec_minutes,
        quotas.extra_exec_minutes,
    )
    left = (
        _monthly_seconds_left(org, month),
        _available(quotas.gifted_exec_minutes, org.gifted_exec_seconds_available),
        _available(quotas.extra_exec_minutes, org.extra_exec_seconds_available),
    )
    if given == (0, 0, 0) or any(left):  # some may be unknown: one that is left is enough
        return False
    return None if None in left else True


def _monthly_seconds_left(org: Organisation, month: str) -> float | None:
    """More than 0 while the month's whole minutes are below its quota."""
    quota = org.quotas.max_exec_minutes_per_month
    used = in_month(org.monthly_exec_seconds, month)
    if not quota:
        return quota
    return None if used is None else max(0, quota * 60 - used)


def _available(quota: int | None, seconds: int | None) -> int | None:
    """What is left of seconds that count only where they were given."""
    return seconds if quota else quota
