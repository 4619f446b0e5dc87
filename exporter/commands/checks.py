"""What is wrong with settings that only the package can know which they set.

Called before a command opens anything, so that it ends like any other wrong use.
"""

from fnmatch import fnmatchcase

from exporter.alerting.event_alerts import LONGEST_WINDOW, format_duration
from exporter.alerting.postable_alert import RESERVED_LABELS
from exporter.metrics.catalog import CATALOG
from exporter.settings import InvalidSettingError, Settings
from exporter.settings.consistency import refuse_without
from exporter.settings.model import BrowsertrixPolling
from exporter.web import WebConfigError, WebConfigFile, refuse_reserved_path


def check(settings: Settings) -> None:
    """Raise InvalidSettingError for the first setting that a package could not follow."""
    _metric_patterns("metrics_include", settings.metrics_include)
    _metric_patterns("metrics_exclude", settings.metrics_exclude)
    try:
        refuse_reserved_path(settings.telemetry_path)
    except ValueError as error:
        path = settings.telemetry_path
        raise InvalidSettingError(str(error), "telemetry_path", value=path) from None
    if settings.web_config_file is not None:
        try:
            WebConfigFile(settings.web_config_file)
        except WebConfigError as error:
            raise InvalidSettingError(str(error), "web_config_file") from None
    for name, value in settings.alertmanager_labels:
        if name in RESERVED_LABELS:
            raise InvalidSettingError(
                f"every alert has a label {name} of its own, which stands",
                "alertmanager_labels",
                value=f"{name}={value}",
            )
    if settings.alerts_thresholds or settings.alerts_without or settings.alerts_severities:
        _alerts(settings)
    if settings.alertmanager_urls and settings.history_retention < LONGEST_WINDOW:
        raise InvalidSettingError(
            f"--history.retention must be {format_duration(LONGEST_WINDOW)} at least with "
            "--alertmanager.url: so long an alert can be active",
            "history_retention",
        )


def check_serve(settings: Settings) -> None:
    """Refuse what does nothing without a Browsertrix or a ledger; the demo has its own of both."""
    refuse_without("browsertrix_url", settings, BrowsertrixPolling)
    if settings.hook_finalize and settings.history_path is None:
        raise InvalidSettingError(
            "--metacontroller.finalize needs --history.path: without it no end is on disk",
            "hook_finalize",
        )


def _alerts(settings: Settings) -> None:
    from exporter.rules import tuning  # noqa: PLC0415 - a start without these need not read rules

    tuning.thresholds(settings)
    tuning.check(settings)


def _metric_patterns(field: str, patterns: tuple[str, ...]) -> None:
    for pattern in patterns:
        if not any(fnmatchcase(family.name, pattern) for family in CATALOG):
            raise InvalidSettingError(
                "expected a pattern that matches a metric; `metrics` lists them all",
                field,
                value=pattern,
            )
