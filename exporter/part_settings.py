"""What each part is set to, picked out of the settings of all: no part reads any but its own."""

from pathlib import Path

from exporter.alerting.http_config import HTTPClientConfig
from exporter.alerting.notifier import NotifierSettings
from exporter.alerting.tuning import AlertTuning
from exporter.browsertrix import ClientSettings, Login
from exporter.resources.shard import Shard
from exporter.settings import Settings
from exporter.web import WebConfigFile, WebSettings


def notifier_settings(settings: Settings) -> NotifierSettings:
    """Pick all that is set about Alertmanagers."""
    return NotifierSettings(
        urls=settings.alertmanager_urls,
        labels=settings.alertmanager_labels,
        tuning=AlertTuning.of(settings),
        http_config=HTTPClientConfig(
            ca_file=settings.alertmanager_ca_file,
            cert_file=settings.alertmanager_cert_file,
            key_file=settings.alertmanager_key_file,
            server_name=settings.alertmanager_server_name,
            username=settings.alertmanager_username,
            password_file=settings.alertmanager_password_file,
            bearer_token_file=settings.alertmanager_bearer_token_file,
            headers=settings.alertmanager_headers,
            header_files=tuple(
                (name, Path(file)) for name, file in settings.alertmanager_header_files
            ),
        ),
    )


def browsertrix_settings(settings: Settings) -> ClientSettings:
    """Pick all that is set about the client of Browsertrix; ``--browsertrix.url`` is given."""
    file = settings.browsertrix_token_file or settings.browsertrix_password_file
    assert settings.browsertrix_url is not None and file is not None, "as Settings sees to"  # noqa: S101, PT018
    return ClientSettings(
        url=settings.browsertrix_url,
        login=Login(file=file, username=settings.browsertrix_username),
        ca_file=settings.browsertrix_ca_file,
        interval=settings.browsertrix_interval,
        workflows=settings.browsertrix_workflows
        and (shard_of(settings).is_first or settings.browsertrix_names),
        installation=shard_of(settings).is_first,
    )


def given_pause_limit(settings: Settings) -> float | None:
    """Seconds that stand whatever Browsertrix says; None where its own word counts."""
    return settings.pause_limit if settings.browsertrix_url is None else settings.given_pause_limit


def shard_of(settings: Settings) -> Shard:
    """The share of the crawls that is followed."""
    return Shard(settings.shard, settings.total_shards)


def web_settings(settings: Settings, config: WebConfigFile | None) -> WebSettings:
    """Pick all that is set about the web server; ``config`` is what ``--web.config.file`` names."""
    return WebSettings(
        listen=settings.listen_addresses,
        telemetry_path=settings.telemetry_path,
        allowed_hosts=settings.allowed_hosts,
        config=config,
        open_probes=settings.open_probes,
    )
