"""The declaration of every option, and which of them go together.

Of a field, the type says how text is read, ``alias`` what the option is called (``option`` derives
flag, variable and key from it), ``title`` how its value is shown in help, ``description`` what it
does. All else is read from here: the parser, ``--help``, the file, docs/configuration.md. It is as
long as there are options.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

from exporter.settings import values
from exporter.settings.address import Address
from exporter.settings.consistency import (
    InvalidSettingError,
    refuse_alone,
    refuse_both,
    refuse_twice,
    refuse_unless,
    refuse_while_off,
    refuse_without,
)
from exporter.settings.defaults import (
    DEFAULT_BROWSERTRIX_INTERVAL,
    DEFAULT_CLUSTER_LABEL,
    DEFAULT_HOOK_PORT,
    DEFAULT_IDLE_LIMIT,
    DEFAULT_MAX_FINISHED,
    DEFAULT_MAX_WORKFLOWS,
    DEFAULT_PAUSE_LIMIT,
    DEFAULT_PORT,
    DEFAULT_RESYNC_PERIOD,
    DEFAULT_RETENTION,
    DEFAULT_RUNBOOKS,
    DEFAULT_TELEMETRY_PATH,
    DEFAULT_USAGE_INTERVAL,
)


def _read_by(parse: Callable[[str], Any]) -> BeforeValidator:
    """Parse text; what is none was given in code, and is a value already."""
    return BeforeValidator(lambda value: parse(value) if isinstance(value, str) else value)


_once_each = AfterValidator(lambda given: tuple(dict.fromkeys(given)))

Duration = Annotated[float, _read_by(values.duration)]
"""Seconds."""
PollInterval = Annotated[float, _read_by(values.poll_interval)]
"""Seconds."""
Count = Annotated[int, _read_by(values.whole_number)]
ShardIndex = Annotated[int, _read_by(values.shard)]
Switch = Annotated[bool, _read_by(values.switch)]
Namespace = Annotated[str, _read_by(values.namespace)]
ListenAddress = Annotated[Address, _read_by(Address.parse)]
URLPath = Annotated[str, _read_by(values.url_path)]
BrowsertrixURL = Annotated[str, _read_by(values.browsertrix_url)]
AlertmanagerURL = Annotated[str, _read_by(values.alertmanager_url)]
HTTPHeader = Annotated[tuple[str, str], _read_by(values.http_header)]
ExternalLabel = Annotated[tuple[str, str], _read_by(values.external_label)]
HostName = Annotated[str, _read_by(values.host_name)]
LabelName = Annotated[str, _read_by(values.label_name)]
Assignment = Annotated[tuple[str, str], _read_by(values.assignment)]


class _Group(BaseModel):
    """Options that a command has together; its name is their heading in help."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_by_name=True, validate_by_alias=True
    )


class Kubernetes(_Group):
    """Which API server, and what is watched there."""

    kubeconfig: Path | None = Field(
        None,
        alias="kubeconfig",
        title="FILE",
        description=(
            "kubeconfig to use; else $KUBECONFIG, ~/.kube/config, or the pod's service account"
        ),
    )
    context: str | None = Field(
        None,
        alias="context",
        title="NAME",
        description="context of the kubeconfig; else its current one",
    )
    namespaces: Annotated[tuple[Namespace, ...], _once_each] = Field(
        ("crawlers",),
        alias="namespace",
        title="NAME",
        description="namespace to watch; repeat it for several",
    )
    all_namespaces: Switch = Field(
        False,
        alias="all-namespaces",
        description="watch every namespace (needs a ClusterRole)",
    )
    selector: str = Field(
        "",
        alias="selector",
        title="SELECTOR",
        description="label selector: watch only the CrawlJobs it matches, e.g. role=job",
    )
    idle_limit: Duration = Field(
        DEFAULT_IDLE_LIMIT,
        alias="watch.idle-limit",
        title="DURATION",
        description=(
            "connect anew when the API server was silent for so long; it speaks every minute"
        ),
    )

    @model_validator(mode="after")
    def _all_or_some_namespaces(self) -> Self:
        if self.all_namespaces and "namespaces" in self.model_fields_set:
            raise InvalidSettingError(
                "--all-namespaces and --namespace exclude each other",
                "all_namespaces",
                "namespaces",
            )
        return self

    @property
    def scopes(self) -> tuple[str, ...]:
        """The namespaces to watch, each once; an empty one stands for all of them."""
        return ("",) if self.all_namespaces else self.namespaces


class Sharding(_Group):
    """Several exporters that divide the crawls between themselves; docs/scaling.md says how."""

    shard: ShardIndex = Field(
        0,
        alias="shard",
        title="N",
        description=(
            "which of the shards this is, from 0; ordinal takes the number at the end of the "
            "host's name, as a StatefulSet's pods have it"
        ),
    )
    total_shards: Count = Field(
        1,
        alias="total-shards",
        title="N",
        description="how many shards there are; each crawl is in one of them, by its uid",
    )

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if self.shard >= self.total_shards:
            raise InvalidSettingError(
                f"--shard counts from 0: {self.shard} is not below --total-shards, "
                f"which is {self.total_shards}",
                "shard",
                "total_shards",
            )
        return self


class History(_Group):
    """What is remembered, where and for how long."""

    history_path: Path | None = Field(
        None,
        alias="history.path",
        title="FILE",
        description="file that remembers what happened; without it a restart forgets",
    )
    history_retention: Duration = Field(
        DEFAULT_RETENTION,
        alias="history.retention",
        title="DURATION",
        description="how long a finished crawl is served after its CrawlJob is gone",
    )
    history_max_finished: Count = Field(
        DEFAULT_MAX_FINISHED,
        alias="history.max-finished",
        title="N",
        description="how many finished crawls are remembered at most; the oldest go first",
    )


class Sources(_Group):
    """What is asked of the API server beside CrawlJobs. Each may fail; it costs its own part."""

    source_pods: Switch = Field(
        True,
        alias="source.pods",
        description="watch the pods of crawls: why they wait, restart, or were evicted",
    )
    source_usage: Switch = Field(
        True,
        alias="source.usage",
        description="ask metrics-server what the pods of crawls use",
    )
    source_usage_interval: PollInterval = Field(
        DEFAULT_USAGE_INTERVAL,
        alias="source.usage.interval",
        title="DURATION",
        description=(
            "how often to ask; not less than metrics-server's --metric-resolution: what it has not "
            "measured anew within three intervals is dropped"
        ),
    )
    source_volumes: Switch = Field(
        True,
        alias="source.volumes",
        description="watch the claims of crawls: how large their volumes are",
    )
    source_indexes: Switch = Field(
        True,
        alias="source.indexes",
        description="watch the dedupe indexes that crawls wait for, where Browsertrix has them",
    )

    @model_validator(mode="after")
    def _with_usage(self) -> Self:
        """Refuse what does nothing together with the rest."""
        refuse_while_off(self, "source_usage", "source_usage_interval")
        return self


class Metacontroller(_Group):
    """How CrawlJobs are learnt of: by watches, or by metacontroller's calls."""

    source_kubernetes: Literal["watch", "metacontroller"] = Field(
        "watch",
        alias="source.kubernetes",
        title="HOW",
        description=(
            "watch, or metacontroller: a DecoratorController's hooks tell of CrawlJobs, their pods "
            "and claims; docs/metacontroller.md"
        ),
    )
    hook_addresses: tuple[ListenAddress, ...] = Field(
        (Address("", DEFAULT_HOOK_PORT),),
        alias="metacontroller.listen-address",
        title="ADDRESS",
        description="HOST:PORT or :PORT to be called at; TLS and users are of --web.config.file",
    )
    hook_finalize: Switch = Field(
        False,
        alias="metacontroller.finalize",
        description=(
            "keep each deleted CrawlJob until its end is in --history.path, ten minutes at most "
            "while that cannot be written"
        ),
    )
    hook_resync_period: Duration = Field(
        DEFAULT_RESYNC_PERIOD,
        alias="metacontroller.resync-period",
        title="DURATION",
        description="how soon to be called again about a CrawlJob that does not change",
    )

    @property
    def is_hook(self) -> bool:
        """Whether metacontroller calls, and CrawlJobs are not watched."""
        return self.source_kubernetes == "metacontroller"

    @model_validator(mode="after")
    def _of_use(self) -> Self:
        """Refuse what does nothing without the source."""
        refuse_unless(self, "source_kubernetes", "metacontroller", Metacontroller)
        return self


class Browsertrix(_Group):
    """What is set in Browsertrix and no CrawlJob says."""

    pause_limit: Duration = Field(
        DEFAULT_PAUSE_LIMIT,
        alias="pause-limit",
        title="DURATION",
        description="how long Browsertrix lets a crawl be paused (its PAUSED_CRAWL_LIMIT_MINUTES)",
    )
    browsertrix_public_url: str = Field(
        "",
        alias="browsertrix.public-url",
        title="URL",
        description="address of Browsertrix for people; with it, alerts link to its pages",
    )

    @property
    def given_pause_limit(self) -> float | None:
        """Seconds; None where nobody set it, and Browsertrix's own word counts."""
        return self.pause_limit if "pause_limit" in self.model_fields_set else None


class BrowsertrixAPI(_Group):
    """Browsertrix itself, which is only read from; docs/browsertrix-api.md says what and why."""

    browsertrix_url: BrowsertrixURL | None = Field(
        None,
        alias="browsertrix.url",
        title="URL",
        description=(
            "Browsertrix to ask for organisations, quotas, workflows and background jobs, such as "
            "https://browsertrix.example.org; without it nothing is asked"
        ),
    )
    browsertrix_username: str | None = Field(
        None,
        alias="browsertrix.username",
        title="NAME",
        description="e-mail address of a superadmin to log in as",
    )
    browsertrix_password_file: Path | None = Field(
        None,
        alias="browsertrix.password-file",
        title="FILE",
        description=(
            "file with the password of that user; one that is refused is not tried again before "
            "the file changes"
        ),
    )
    browsertrix_token_file: Path | None = Field(
        None,
        alias="browsertrix.token-file",
        title="FILE",
        description="file with a superadmin's token, instead of logging in",
    )
    browsertrix_ca_file: Path | None = Field(
        None,
        alias="browsertrix.ca-file",
        title="FILE",
        description="certificates to verify Browsertrix's with, instead of the system's",
    )

    @model_validator(mode="after")
    def _with_one_way_to_log_in(self) -> Self:
        """Refuse what does nothing, or cannot work, together with the rest."""
        refuse_without("browsertrix_url", self, BrowsertrixAPI)
        refuse_alone(self, "browsertrix_username", "browsertrix_password_file")
        refuse_both(self, "browsertrix_username", "browsertrix_token_file")
        logins = {"browsertrix_username", "browsertrix_token_file"}
        if self.browsertrix_url is not None and not logins & self.model_fields_set:
            raise InvalidSettingError(
                "--browsertrix.url needs --browsertrix.username and --browsertrix.password-file, "
                "or --browsertrix.token-file",
                "browsertrix_url",
            )
        return self


class BrowsertrixPolling(_Group):
    """How often it is asked for what, and what of that is served."""

    browsertrix_interval: PollInterval = Field(
        DEFAULT_BROWSERTRIX_INTERVAL,
        alias="browsertrix.interval",
        title="DURATION",
        description=(
            "how often to list the organisations; background jobs and settings every fifth time, "
            "workflows every tenth, counts of archived items hourly at most"
        ),
    )
    browsertrix_names: Switch = Field(
        True,
        alias="browsertrix.names",
        description="serve the names of organisations and workflows",
    )
    browsertrix_workflows: Switch = Field(
        True,
        alias="browsertrix.workflows",
        description="ask for workflows: when they ran last, and when they should have",
    )
    browsertrix_workflows_max: Count = Field(
        DEFAULT_MAX_WORKFLOWS,
        alias="browsertrix.workflows.max",
        title="N",
        description="how many workflows have series at most",
    )

    @model_validator(mode="after")
    def _with_workflows(self) -> Self:
        """Refuse what does nothing together with the rest."""
        refuse_while_off(self, "browsertrix_workflows", "browsertrix_workflows_max")
        return self


class Metrics(_Group):
    """What is served of it."""

    metrics_include: tuple[str, ...] = Field(
        (),
        alias="metrics.include",
        title="PATTERN",
        description="serve only metrics that match, e.g. 'browsertrix_crawl_*'",
    )
    metrics_exclude: tuple[str, ...] = Field(
        (),
        alias="metrics.exclude",
        title="PATTERN",
        description="leave out metrics that match; wins over --metrics.include",
    )


class Web(_Group):
    """Where and how it is served."""

    listen_addresses: tuple[ListenAddress, ...] = Field(
        (Address("", DEFAULT_PORT),),
        alias="web.listen-address",
        title="ADDRESS",
        description="HOST:PORT or :PORT to listen on; [::1]:PORT for IPv6",
    )
    telemetry_path: URLPath = Field(
        DEFAULT_TELEMETRY_PATH,
        alias="web.telemetry-path",
        title="PATH",
        description="path of the metrics",
    )
    allowed_hosts: Annotated[tuple[HostName, ...], _once_each] = Field(
        (),
        alias="web.allowed-host",
        title="NAME",
        description=(
            "host name that requests may name; every other is refused, but probes and scrapes by "
            "address"
        ),
    )
    disable_status_page: Switch = Field(
        False,
        alias="web.disable-status-page",
        description="serve no status page and no JSON, only a landing page at /",
    )
    web_config_file: Path | None = Field(
        None,
        alias="web.config.file",
        title="FILE",
        description=(
            "TLS, users, headers and a rate limit, in the exporter-toolkit's format; read again "
            "when it changes"
        ),
    )
    open_probes: Switch = Field(
        False,
        alias="web.open-probes",
        description=(
            "answer /livez, /healthz and /readyz to everybody, whatever --web.config.file asks for"
        ),
    )

    @model_validator(mode="after")
    def _open_what_is_closed(self) -> Self:
        if self.open_probes and self.web_config_file is None:
            raise InvalidSettingError(
                "--web.open-probes does nothing without --web.config.file", "open_probes"
            )
        return self


class Alerts(_Group):
    """How the alerts are: the same for the rules that ``rules`` writes and for what is posted."""

    alerts_thresholds: tuple[Assignment, ...] = Field(
        (),
        alias="alerts.set",
        title="NAME=VALUE",
        description="threshold of the rules, such as CAPACITY_HOLD=1h; docs/alerts.md lists them",
    )
    alerts_without: Annotated[tuple[str, ...], _once_each] = Field(
        (),
        alias="alerts.without",
        title="ALERT",
        description="alert that is left out, such as BrowsertrixPodEvicted",
    )
    alerts_severities: tuple[Assignment, ...] = Field(
        (),
        alias="alerts.severity",
        title="ALERT=LEVEL",
        description="severity of an alert, such as BrowsertrixCrawlFailed=info",
    )
    alerts_ends_as_tickets: Switch = Field(
        False,
        alias="alerts.ends-as-tickets",
        description=(
            "no end pages: crawls given up after their pause or cut short by their size limit are "
            "warnings, as other ends"
        ),
    )
    alerts_labels: tuple[ExternalLabel, ...] = Field(
        (),
        alias="alerts.label",
        title="NAME=VALUE",
        description="label that every alert has, such as team=archive",
    )
    alerts_cluster_label: LabelName = Field(
        DEFAULT_CLUSTER_LABEL,
        alias="alerts.cluster-label",
        title="NAME",
        description="label that tells clusters apart where Prometheus has several",
    )
    alerts_runbooks: str = Field(
        DEFAULT_RUNBOOKS,
        alias="alerts.runbook-url",
        title="URL",
        description="folder of the runbooks that alerts link to",
    )
    alerts_grafana: str = Field(
        "",
        alias="alerts.grafana-url",
        title="URL",
        description="address of Grafana; with it, alerts link to their dashboards",
    )

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        for field, given in (
            ("alerts_thresholds", self.alerts_thresholds),
            ("alerts_severities", self.alerts_severities),
            ("alerts_labels", self.alerts_labels),
        ):
            flag = f"--{Alerts.model_fields[field].alias}"
            refuse_twice(field, flag, [name.lower() for name, _ in given])
        return self


class Alertmanager(_Group):
    """Who is notified of event alerts, and how; all of it is for all of the Alertmanagers."""

    alertmanager_urls: tuple[AlertmanagerURL, ...] = Field(
        (),
        alias="alertmanager.url",
        title="URL",
        description=(
            "Alertmanager to post event alerts to at once; repeat it for each of a cluster, or "
            "let DNS name them: dns+http://NAME:PORT for each address, dnssrv+http://NAME for SRV"
        ),
    )
    alertmanager_labels: tuple[ExternalLabel, ...] = Field(
        (),
        alias="alertmanager.label",
        title="NAME=VALUE",
        description="label added to those alerts, as in Prometheus's external_labels",
    )
    alertmanager_ca_file: Path | None = Field(
        None,
        alias="alertmanager.ca-file",
        title="FILE",
        description="certificates to verify Alertmanager's with, instead of the system's",
    )
    alertmanager_cert_file: Path | None = Field(
        None,
        alias="alertmanager.cert-file",
        title="FILE",
        description="client certificate to show to Alertmanager",
    )
    alertmanager_key_file: Path | None = Field(
        None,
        alias="alertmanager.key-file",
        title="FILE",
        description="key of that certificate",
    )
    alertmanager_server_name: str | None = Field(
        None,
        alias="alertmanager.server-name",
        title="NAME",
        description="name in Alertmanager's certificate, if it is not that of its URL",
    )
    alertmanager_username: str | None = Field(
        None,
        alias="alertmanager.username",
        title="NAME",
        description="user for basic authentication with Alertmanager",
    )
    alertmanager_password_file: Path | None = Field(
        None,
        alias="alertmanager.password-file",
        title="FILE",
        description="file with the password of that user",
    )
    alertmanager_headers: tuple[HTTPHeader, ...] = Field(
        (),
        alias="alertmanager.header",
        title="NAME=VALUE",
        description="header of requests to Alertmanager, such as X-Scope-OrgID=archive of Mimir",
    )
    alertmanager_header_files: tuple[HTTPHeader, ...] = Field(
        (),
        alias="alertmanager.header-file",
        title="NAME=FILE",
        description="header whose value is a secret: the file has it, and is read when it changes",
    )
    alertmanager_bearer_token_file: Path | None = Field(
        None,
        alias="alertmanager.bearer-token-file",
        title="FILE",
        description="file with a token to show to Alertmanager",
    )

    @model_validator(mode="after")
    def _complete_and_consistent(self) -> Self:
        """Refuse what does nothing, or cannot work, together with the rest."""
        refuse_without("alertmanager_urls", self, Alertmanager)
        refuse_alone(self, "alertmanager_cert_file", "alertmanager_key_file")
        refuse_alone(self, "alertmanager_username", "alertmanager_password_file")
        refuse_both(self, "alertmanager_username", "alertmanager_bearer_token_file")
        refuse_twice("alertmanager_urls", "--alertmanager.url", self.alertmanager_urls)
        names = [name for name, _ in self.alertmanager_labels]
        refuse_twice("alertmanager_labels", "--alertmanager.label", names)
        headers = [*self.alertmanager_headers, *self.alertmanager_header_files]
        names = [name.lower() for name, _ in headers]
        refuse_twice("alertmanager_headers", "--alertmanager.header", names)
        return self


class Logging(_Group):
    """What goes to standard error."""

    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info",
        alias="log.level",
        title="LEVEL",
        description="debug, info, warning or error",
    )
    log_format: Literal["logfmt", "json"] = Field(
        "logfmt",
        alias="log.format",
        title="FORMAT",
        description="logfmt or json",
    )


GROUPS: Final[tuple[type[BaseModel], ...]] = (
    Kubernetes,
    Sharding,
    Sources,
    Metacontroller,
    Browsertrix,
    BrowsertrixAPI,
    BrowsertrixPolling,
    History,
    Metrics,
    Web,
    Alerts,
    Alertmanager,
    Logging,
)
"""In the order of help and documentation."""


class Settings(
    Kubernetes,
    Sharding,
    Sources,
    Metacontroller,
    Browsertrix,
    BrowsertrixAPI,
    BrowsertrixPolling,
    History,
    Metrics,
    Web,
    Alerts,
    Alertmanager,
    Logging,
):
    """What one exporter does, read once at the start and never changed after."""

    @model_validator(mode="after")
    def _hooks_can_keep_their_word(self) -> Self:
        """Refuse what hooks cannot do, before anybody relies on it."""
        if not self.is_hook:
            return self
        if self.selector:
            raise InvalidSettingError(
                "--selector does nothing with --source.kubernetes=metacontroller: set the "
                "DecoratorController's labelSelector",
                "selector",
            )
        if self.total_shards > 1:
            raise InvalidSettingError(
                "--total-shards does nothing with --source.kubernetes=metacontroller, which calls "
                "one exporter about all CrawlJobs: leave it out",
                "total_shards",
            )
        return self
