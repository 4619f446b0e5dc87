"""Where the API server is and who we are to it: a kubeconfig, or the pod we run in.

The official client reads the files and knows the kinds of authentication; what it leaves to its
user is here. Credentials do not last: tokens are rotated on disk, exec plugins hand out some for
an hour. So a source says when what it loaded is ``stale``, and is loaded again before the next
request. No message here shows the content of a field: any might be a secret.
"""

import base64
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import yaml
from kubernetes.aio.client import Configuration
from kubernetes.aio.config.config_exception import ConfigException
from kubernetes.aio.config.incluster_config import (
    SERVICE_CERT_FILENAME,
    SERVICE_HOST_ENV_NAME,
    SERVICE_TOKEN_FILENAME,
    InClusterConfigLoader,
)
from kubernetes.aio.config.kube_config import ConfigNode, KubeConfigLoader

from exporter.cluster.exec_plugin import run
from exporter.cluster.kubeconfig_files import cluster_info, impersonation, merge
from exporter.runtime.files import FileFingerprint, changed, fingerprints
from exporter.runtime.http_errors import without_userinfo

_PROVIDER_CHECK: Final = 60.0
"""Seconds between two looks at an auth provider's token (OIDC, gcp); those look locally first."""


class ConfigError(Exception):
    """There is no way to the API server; one readable line that names the file and the context."""

    def __init__(self, text: str) -> None:
        super().__init__(without_userinfo(text))


class CredentialSource(Protocol):
    """One place that credentials come from."""

    headers: Sequence[tuple[str, str]]
    """What else every request says of who we are, as loaded last."""

    async def load(self) -> Configuration:
        """Read everything anew; raises ConfigError."""

    def stale(self) -> bool:
        """Whether what was loaded last has changed on disk, or runs out."""


def find_source(
    kubeconfig: Path | None, context: str | None, environ: Mapping[str, str] = os.environ
) -> CredentialSource:
    """Choose as kubectl does: the file given, KUBECONFIG, ~/.kube/config, else the pod's own.

    Raises ConfigError where none of them exists.
    """
    if kubeconfig is not None:
        return Kubeconfig([kubeconfig], context)
    if listed := environ.get("KUBECONFIG"):
        return Kubeconfig([Path(name) for name in listed.split(os.pathsep) if name], context)
    home = Path(os.path.expanduser("~/.kube/config"))  # noqa: PTH111 - Path's own raises without a home
    if home.is_file():
        return Kubeconfig([home], context)
    if context is not None:
        raise ConfigError(f"context {context}: there is no kubeconfig; name one with --kubeconfig")
    if not environ.get(SERVICE_HOST_ENV_NAME):
        raise ConfigError(
            "no kubeconfig given, none in KUBECONFIG or ~/.kube/config, and this is no pod: "
            "name one with --kubeconfig"
        )
    return InCluster(environ=environ)


class Kubeconfig:
    """A kubeconfig of one or several files, merged as kubectl merges them."""

    def __init__(self, files: Iterable[Path], context: str | None) -> None:
        self._files = [file.expanduser() for file in files]
        self._context = context
        self.headers: Sequence[tuple[str, str]] = ()
        self._config: ConfigNode | None = None
        self._cluster: Mapping[str, Any] = {}
        self._read_at: dict[str, FileFingerprint] = {}
        self._fingerprints: dict[str, FileFingerprint] = {}
        self._renew_at = float("inf")
        self._where = f"kubeconfig {os.pathsep.join(str(file) for file in self._files)}" + (
            f", context {context}" if context else ""
        )

    def stale(self) -> bool:
        """Whether a file it stands on has changed, or a plugin's credential runs out."""
        return time.monotonic() >= self._renew_at or changed(self._fingerprints)

    async def load(self) -> Configuration:
        """Read the files if they changed, ask the plugin if there is one; raises ConfigError."""
        try:
            return await self._load()
        except ConfigError as error:
            raise ConfigError(f"{self._where}: {error}") from error
        except ConfigException as error:
            text = " ".join(str(error).removeprefix("Invalid kube-config file. ").split())
            raise ConfigError(f"{self._where}: {text[:300]}") from error
        except OSError as error:
            raise ConfigError(f"{self._where}: {_os_error(error)}") from error
        except (TypeError, AttributeError, LookupError, ValueError) as error:
            # The client's loader trips over whatever has the wrong shape; its messages show values.
            raise ConfigError(f"{self._where}: this is no valid kubeconfig") from error

    async def _load(self) -> Configuration:
        found = fingerprints([str(file) for file in self._files])
        if self._config is None or found != self._read_at:
            self._config, self._read_at = self._read(), found
        self._renew_at = float("inf")
        user = self._user(self._config)
        self.headers = [] if user is None else list(impersonation(user.value))
        plugin = user.value.pop("exec", None) if user is not None else None
        try:
            if user is not None and plugin is not None:
                await self._ask(ConfigNode(f"{user.name}/exec", plugin, user.path), user)
            elif user is not None and "tokenFile" in user:
                found = found | fingerprints([user["tokenFile"]])
                user.value["token"] = _text(user["tokenFile"]) or user.value.get("token")
            elif user is not None and "auth-provider" in user:
                self._renew_at = time.monotonic() + _PROVIDER_CHECK
            configuration = Configuration()
            loader = KubeConfigLoader(config_dict=self._config, active_context=self._context)
            await loader.load_and_set(configuration)
        finally:
            if user is not None and plugin is not None:
                user.value["exec"] = plugin
        self._fingerprints = found | fingerprints(_tls_files(configuration))
        return configuration

    def _read(self) -> ConfigNode:
        present = [file for file in self._files if file.exists()]
        if not present:
            raise ConfigError("no such file")
        try:
            merged = merge(present)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line = f" at line {mark.line + 1}" if mark else ""
            raise ConfigError(f"not valid YAML{line}") from error
        except UnicodeDecodeError as error:
            raise ConfigError("not a text file") from error
        return ConfigNode("kubeconfig", merged, str(present[0]))

    def _user(self, config: ConfigNode) -> ConfigNode | None:
        """The user's entry; complains readably of what the context lacks."""
        context = self._context or config.value.get("current-context")
        if not context:
            raise ConfigError("no current-context is set; choose one with --context")
        names = [entry["name"] for entry in config.value["contexts"]]
        if context not in names:
            known = ", ".join(map(str, names)) or "none"
            raise ConfigError(f"there is no context {context}; there are: {known}")
        chosen = config["contexts"].get_with_name(context)["context"]
        cluster = config["clusters"].get_with_name(chosen["cluster"])["cluster"]
        self._cluster = cluster.value
        server = cluster.safe_get("server")
        if not str(server).startswith(("http://", "https://")):
            raise ConfigError(f"the server of context {context} is no http or https address")
        if not chosen.safe_get("user"):
            if str(server).startswith("https://"):
                raise ConfigError(f"context {context} names no user")
            return None
        user: ConfigNode = config["users"].get_with_name(chosen["user"])["user"]
        return user

    async def _ask(self, plugin: ConfigNode, user: ConfigNode) -> None:
        """Run the exec plugin, and put what it says where the loader looks for it."""
        asked = plugin.safe_get("provideClusterInfo") is True
        begun = time.monotonic()
        credential = await run(plugin, cluster_info(self._cluster) if asked else None)
        self._renew_at = begun + credential.renew_after
        if credential.token:
            user.value["token"] = credential.token
        if credential.certificate and credential.key:
            for name, text in (("certificate", credential.certificate), ("key", credential.key)):
                user.value[f"client-{name}-data"] = base64.b64encode(text.encode()).decode()


class InCluster:
    """The service account of the pod we run in; Kubernetes rotates its token about hourly."""

    def __init__(
        self,
        token: str = SERVICE_TOKEN_FILENAME,
        certificate: str = SERVICE_CERT_FILENAME,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self.headers: Sequence[tuple[str, str]] = ()
        self._token = token
        self._certificate = certificate
        self._environ = environ
        self._fingerprints: dict[str, FileFingerprint] = {}

    def stale(self) -> bool:
        """Whether the token or the certificate authority was rotated."""
        return changed(self._fingerprints)

    async def load(self) -> Configuration:
        """Read token and certificate; raises ConfigError, as while a rotation is half done."""
        found = fingerprints([self._token, self._certificate])
        configuration = Configuration()
        try:
            InClusterConfigLoader(
                self._token, self._certificate, try_refresh_token=False, environ=self._environ
            ).load_and_set(configuration)
        except ConfigException as error:
            raise ConfigError(f"service account of this pod: {error}") from error
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"service account of this pod: {_os_error(error)}") from error
        self._fingerprints = found
        return configuration


def _tls_files(configuration: Configuration) -> list[str]:
    names = (configuration.ssl_ca_cert, configuration.cert_file, configuration.key_file)
    return [name for name in names if name]


def tls_identity(configuration: Configuration) -> object:
    """What a session's TLS context and address were made from; equal while it can be kept."""
    return (
        configuration.host,
        configuration.proxy,
        configuration.verify_ssl,
        configuration.tls_server_name,
        fingerprints(_tls_files(configuration)),
    )


def _text(file: str) -> str:
    return Path(file).read_text(encoding="utf-8").strip()


def _os_error(error: Any) -> str:
    file = f"{error.filename}: " if getattr(error, "filename", None) else ""
    return f"{file}{getattr(error, 'strerror', None) or error}"
