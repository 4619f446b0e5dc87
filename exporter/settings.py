"""Everything that can be set, read once at the start and never changed after.

Each field is set by a flag or an environment variable; ``cli`` tells which. Seconds throughout.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from exporter.alerting.http_config import HTTPClientConfig
from exporter.alerting.notifier import NotifierSettings
from exporter.alerting.template import Links
from exporter.cluster.reflector import IDLE_LIMIT
from exporter.history.ledger import DEFAULT_MAX_FINISHED, DEFAULT_RETENTION
from exporter.resources.crawljob.derived import DEFAULT_PAUSE_LIMIT
from exporter.web import Address

DEFAULT_PORT: Final = 10937
"""The one default port; no exporter in Prometheus' list of port allocations uses it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What one exporter does."""

    kubeconfig: Path | None = None
    context: str | None = None
    namespaces: tuple[str, ...] = ("crawlers",)
    """The namespaces to watch; an empty one stands for all of them."""
    selector: str = ""
    idle_limit: float = IDLE_LIMIT
    """Seconds without a byte after which a request to the API server is given up."""
    pause_limit: float = DEFAULT_PAUSE_LIMIT
    history_path: Path | None = None
    history_retention: float = DEFAULT_RETENTION
    history_max_finished: int = DEFAULT_MAX_FINISHED
    metrics_include: tuple[str, ...] = ()
    """Shell patterns; where there are any, only families that match one are served."""
    metrics_exclude: tuple[str, ...] = ()
    listen_addresses: tuple[Address, ...] = (Address("", DEFAULT_PORT),)
    telemetry_path: str = "/metrics"
    disable_status_page: bool = False
    alertmanager_urls: tuple[str, ...] = ()
    alertmanager_labels: tuple[tuple[str, str], ...] = ()
    """Names and values: what Prometheus has as ``external_labels``."""
    alertmanager_runbooks: str = Links().runbooks
    alertmanager_grafana: str = Links().grafana
    alertmanager_ca_file: Path | None = None
    alertmanager_cert_file: Path | None = None
    alertmanager_key_file: Path | None = None
    alertmanager_server_name: str | None = None
    alertmanager_username: str | None = None
    alertmanager_password_file: Path | None = None
    alertmanager_bearer_token_file: Path | None = None
    log_level: str = "info"
    log_format: Literal["logfmt", "json"] = "logfmt"

    @property
    def notifier(self) -> NotifierSettings:
        """All of the above that is about Alertmanagers."""
        return NotifierSettings(
            urls=self.alertmanager_urls,
            labels=self.alertmanager_labels,
            links=Links(self.alertmanager_runbooks, self.alertmanager_grafana),
            http_config=HTTPClientConfig(
                ca_file=self.alertmanager_ca_file,
                cert_file=self.alertmanager_cert_file,
                key_file=self.alertmanager_key_file,
                server_name=self.alertmanager_server_name,
                username=self.alertmanager_username,
                password_file=self.alertmanager_password_file,
                bearer_token_file=self.alertmanager_bearer_token_file,
            ),
        )
