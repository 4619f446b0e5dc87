"""The families about ``--web.config.file``, by the names of Prometheus's own."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from exporter.metrics.catalog.family import Family, Group


@dataclass(frozen=True, slots=True)
class Reloads:
    """How it stands with a file that is read again when it changes."""

    successful: bool
    """Whether what is in force is what it says."""
    last_success: float
    """Seconds since 1970."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebConfigFamily(Family):
    """A family about ``--web.config.file``."""

    value: Callable[[Reloads], float]
    group: Group = Group.EXPORTER


WEB_CONFIG_FAMILIES: Final = (
    WebConfigFamily(
        name="browsertrix_exporter_web_config_last_reload_successful",
        help="1 while the web configuration in force is what its file says, 0 while that cannot be "
        "used. No series without --web.config.file.",
        source="--web.config.file",
        value=lambda reloads: float(reloads.successful),
    ),
    WebConfigFamily(
        name="browsertrix_exporter_web_config_last_reload_success_timestamp_seconds",
        help="When the web configuration was last read successfully, in seconds since 1970.",
        source="--web.config.file",
        unit="seconds",
        value=lambda reloads: reloads.last_success,
    ),
)
