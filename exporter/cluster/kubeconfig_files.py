"""Kubeconfig files as one: merged, and with paths that mean the same from everywhere.

As client-go's loading rules do it: of several files the first that defines a cluster, context or
user wins, and the first that names a current context. A path in a file is relative to that file's
directory, as is a plugin's command with a slash in it.
Source: k8s.io/client-go/tools/clientcmd, ``ClientConfigLoadingRules`` and ``ResolveLocalPaths``.
"""

from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import yaml

_ENTRIES: Final = {"clusters": "cluster", "contexts": "context", "users": "user"}
_PATHS: Final = ("certificate-authority", "client-certificate", "client-key", "tokenFile")
_EXEC_EXTENSION: Final = "client.authentication.k8s.io/exec"


def merge(files: Iterable[Path]) -> dict[str, Any]:
    """Read and merge the files; one that is empty or null in some place has nothing there.

    Raises OSError, UnicodeDecodeError, yaml.YAMLError, and ValueError, TypeError or LookupError
    where a file is no kubeconfig.
    """
    merged: dict[str, Any] = {"current-context": "", **{kind: [] for kind in _ENTRIES}}
    for file in files:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise TypeError("no mapping")
        merged["current-context"] = merged["current-context"] or content.get("current-context")
        for kind, field in _ENTRIES.items():
            known = {entry["name"] for entry in merged[kind]}
            for entry in content.get(kind) or ():
                if entry["name"] not in known:
                    inner = _with_absolute_paths(entry.get(field) or {}, file.parent.absolute())
                    merged[kind].append({"name": entry["name"], field: inner})
    return merged


def _with_absolute_paths(entry: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    found = dict(entry)
    for name in _PATHS:
        if found.get(name):
            found[name] = str(folder / found[name])
    plugin = found.get("exec")
    if isinstance(plugin, dict) and "/" in str(plugin.get("command") or ""):
        found["exec"] = {**plugin, "command": str(folder / plugin["command"])}
    provider = found.get("auth-provider")
    if isinstance(provider, dict) and isinstance(settings := provider.get("config"), dict):
        authority = settings.get("idp-certificate-authority")
        if authority:
            settings = {**settings, "idp-certificate-authority": str(folder / authority)}
        found["auth-provider"] = {**provider, "config": settings}
    return found


def impersonation(user: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the headers by which a user acts as another.

    Source: Kubernetes, "User impersonation".
    """
    if user.get("as"):
        yield "Impersonate-User", str(user["as"])
    for group in user.get("as-groups") or ():
        yield "Impersonate-Group", str(group)
    if user.get("as-uid"):
        yield "Impersonate-Uid", str(user["as-uid"])
    for key, values in (user.get("as-user-extra") or {}).items():
        for value in values:
            yield f"Impersonate-Extra-{quote(str(key).lower(), safe='')}", str(value)


def cluster_info(cluster: Mapping[str, Any]) -> dict[str, Any]:
    """What a credential plugin is given of the cluster, where it asks for that.

    Source: client-go's ``client.authentication.k8s.io/v1``, ``Cluster``. Raises OSError where the
    authority's file cannot be read.
    """
    fields = (
        "server",
        "tls-server-name",
        "insecure-skip-tls-verify",
        "certificate-authority-data",
        "proxy-url",
        "disable-compression",
    )
    info = {name: cluster[name] for name in fields if cluster.get(name)}
    authority = cluster.get("certificate-authority")
    if authority and "certificate-authority-data" not in info:
        info["certificate-authority-data"] = b64encode(Path(authority).read_bytes()).decode()
    for extension in cluster.get("extensions") or ():
        if extension["name"] == _EXEC_EXTENSION:
            info["config"] = extension["extension"]
    return info
