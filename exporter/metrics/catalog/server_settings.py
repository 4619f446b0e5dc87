"""The family of what Browsertrix itself is set to."""

from typing import Final

from exporter.metrics.catalog.family import Family, Group

PAUSE_LIMIT: Final = Family(
    name="browsertrix_settings_pause_limit_seconds",
    help="Seconds after which Browsertrix gives a paused crawl up.",
    source="settings: pausedExpiryMinutes * 60",
    group=Group.INSTALLATION,
    unit="seconds",
)
