"""Where the API server is and who we are to it: a kubeconfig, or the pod we run in.

The official client reads the files; what it leaves to its user, or does otherwise than kubectl, is
here. Credentials do not last: tokens are rotated on disk, exec plugins and issuers hand out some
for an hour. So a source says when what it loaded is ``stale``, and is loaded again before the next
request. No message here shows the content of a field: any might be a secret.
"""

import base64
import copy
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

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
from exporter.cluster.oidc import OidcAuthProvider, oidc_settings
from exporter.cluster.tls import TlsMaterial, tls_files
from exporter.runtime.files import FileFingerprint, changed, fingerprints
from exporter.runtime.http_errors import without_userinfo


class ConfigError(Exception):
    """There is no way to the API server; one readable line that names the file and the context."""

    def __init__(self, text: str) -> None:
        super().__init__(without_userinfo(text))


class CredentialSource(Protocol):
    """One place that credentials come from."""

    headers: Sequence[tuple[str, str]]
    """What else every request says of who we are, as loaded last."""
    tls: TlsMaterial
    """What TLS is made from, as loaded last; what the Configuration says of it is not used."""

    async def load(self) -> Configuration:
        """Read everything anew; raises ConfigError.

        Where nothing is ``stale`` this is because the credentials were refused.
        """

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
        self.tls = TlsMaterial()
        self._merged: dict[str, Any] | None = None
        self._cluster: dict[str, Any] = {}
        self._file_token: str | None = None
        self._oidc: OidcAuthProvider | None = None
        self._read_at: dict[str, FileFingerprint] = {}
        self._fingerprints: dict[str, FileFingerprint] = {}
        self._renew_at = float("inf")
        self._where = f"kubeconfig {os.pathsep.join(str(file) for file in self._files)}" + (
            f", context {context}" if context else ""
        )

    def stale(self) -> bool:
        """Whether a file it stands on has changed, or a credential of limited time runs out."""
        return time.monotonic() >= self._renew_at or changed(self._fingerprints)

    async def load(self) -> Configuration:
        """Read the files if they changed, ask the plugin or the issuer; raises ConfigError."""
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
        refused = not self.stale()
        found = fingerprints([str(file) for file in self._files])
        if self._merged is None or found != self._read_at:
            self._merged, self._read_at = self._read(), found
            self._file_token = None
        # A copy, in which the loader finds what was done already, and nothing to do by itself.
        config = ConfigNode("kubeconfig", copy.deepcopy(self._merged))
        self._renew_at = float("inf")
        user = self._user(config)
        if user is not None:
            found = found | await self._authenticate(user, refused=refused)
        entry = {} if user is None else user.value
        self.headers = list(impersonation(entry))
        found = found | fingerprints(tls_files(self._cluster, entry))
        tls = TlsMaterial.take(self._cluster, entry)
        configuration = Configuration()
        loader = KubeConfigLoader(config_dict=config, active_context=self._context)
        await loader.load_and_set(configuration)
        self.tls = tls
        self._fingerprints = found
        return configuration

    async def _authenticate(self, user: ConfigNode, *, refused: bool) -> dict[str, FileFingerprint]:
        """Put the credentials where the loader looks for them; returns the files they are from.

        What is there already goes before an issuer's, as in client-go.
        """
        entry = user.value
        plugin, provider = entry.pop("exec", None), entry.pop("auth-provider", None)
        settings = None if provider is None else oidc_settings(provider)
        files: dict[str, FileFingerprint] = {}
        if plugin is not None:
            if settings is not None:
                raise ConfigError("exec and auth-provider cannot be used in combination")
            await self._ask(ConfigNode(f"{user.name}/exec", plugin), user)
        elif "tokenFile" in user:
            files = fingerprints([entry["tokenFile"]])
            # Halfway through a rotation it is empty.
            self._file_token = _text(entry["tokenFile"]) or self._file_token or entry.get("token")
            entry["token"] = self._file_token
        elif settings is not None and not (entry.get("token") or entry.get("username")):
            entry["token"] = await self._ask_issuer(settings, refused=refused)
        return files

    async def _ask_issuer(self, settings: dict[str, Any], *, refused: bool) -> str:
        if self._oidc is None or self._oidc.settings != settings:
            self._oidc, refused = OidcAuthProvider(settings), False
        try:
            return await self._oidc.token(refused=refused)
        finally:
            self._renew_at = self._oidc.renew_at

    def _read(self) -> dict[str, Any]:
        present = [file for file in self._files if file.exists()]
        if not present:
            raise ConfigError("no such file")
        try:
            return merge(present)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line = f" at line {mark.line + 1}" if mark else ""
            raise ConfigError(f"not valid YAML{line}") from error
        except UnicodeDecodeError as error:
            raise ConfigError("not a text file") from error

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
        self.tls = TlsMaterial()
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
            tls = TlsMaterial.take({"certificate-authority": self._certificate}, {})
        except ConfigException as error:
            raise ConfigError(f"service account of this pod: {error}") from error
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"service account of this pod: {_os_error(error)}") from error
        self.tls = tls
        self._fingerprints = found
        return configuration


def _text(file: str) -> str:
    return Path(file).read_text(encoding="utf-8").strip()


def _os_error(error: Any) -> str:
    file = f"{error.filename}: " if getattr(error, "filename", None) else ""
    return f"{file}{getattr(error, 'strerror', None) or error}"
