"""Alerts over HTTP: one request to one Alertmanager's API (v2), and what its answer means.

The format is that of https://github.com/prometheus/alertmanager, ``api/v2/openapi.yaml``.
"""

import json
import re
import ssl
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, Self

import aiohttp
from yarl import URL

from exporter import __version__
from exporter.alerting.active_alerts import ActiveAlert
from exporter.alerting.http_config import Credentials
from exporter.alerting.template import Links, expand
from exporter.resources.identity import CRAWL_LABELS
from exporter.runtime.backoff import retry_after

PATH: Final = "/api/v2/alerts"
TIMEOUT: Final = 10.0
"""Seconds for a whole request, as Prometheus's ``alertmanagers.timeout``."""

REASONS: Final = (
    "unreachable",
    "tls",
    "timeout",
    "cut",
    "unauthorized",
    "forbidden",
    "not_found",
    "redirected",
    "too_many_requests",
    "rejected",
    "server_error",
    "refused",
)
"""Why a request failed: every value of ``PostError.reason``."""

_LABEL: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OWN_LABELS: Final = frozenset({"alertname", "severity", "event", *CRAWL_LABELS})
_ABOUT_THE_ALERTS: Final = frozenset({400, 413, 422})
"""Statuses with which what was sent is refused, and not who sent it."""
_LONGEST_COMPLAINT: Final = 4096


class PostError(Exception):
    """A request failed; the text is one line without secrets."""

    def __init__(self, reason: str, text: str, wait: float | None = None) -> None:
        super().__init__(text)
        self.reason = reason
        self.wait = wait
        """Seconds the server asked us to wait."""


class RejectedError(PostError):
    """Alertmanager wants one of the alerts not, or not so many; it may have taken the others."""

    def __init__(self, text: str) -> None:
        super().__init__("rejected", text)


class CredentialsInUrlError(ValueError):
    """Not to be shown with the value that it complains of."""


def alertmanager_url(text: str) -> str:
    """Check the address of an Alertmanager, with or without a prefix of its paths.

    Raises ValueError with a readable text.
    """
    if "@" in text:
        raise CredentialsInUrlError(
            "a URL with a user or password would be logged and served; give them by "
            "--alertmanager.username and --alertmanager.password-file"
        )
    wanted = "expected the address of an Alertmanager, such as http://alertmanager:9093"
    try:
        url = URL(text)
    except ValueError:
        raise ValueError(wanted) from None
    if url.scheme not in ("http", "https") or not url.host or url.query_string or url.fragment:
        raise ValueError(wanted)
    if url.path.rstrip("/").endswith(PATH):
        raise ValueError(f"expected the address without {PATH}")
    return text.rstrip("/")


def external_label(text: str) -> tuple[str, str]:
    """Read NAME=VALUE. Raises ValueError with a readable text."""
    name, _, value = text.partition("=")
    if not _LABEL.fullmatch(name) or not value:
        raise ValueError("expected NAME=VALUE with the name of a label")
    if name in _OWN_LABELS:
        raise ValueError(f"every alert has a label {name} of its own, which stands")
    return name, value


class Letter:
    """Writes open alerts as Alertmanager reads them."""

    def __init__(self, links: Links, labels: Mapping[str, str]) -> None:
        """``labels`` are Prometheus's ``external_labels``: added where an alert has none such."""
        self._links = links
        self._labels = dict(labels)

    def alert(self, alert: ActiveAlert) -> dict[str, Any]:
        """One alert; its labels and annotations are those of the rule's."""
        identity = alert.event.identity(alert.values)
        of_what = dict(zip(alert.event.labels, alert.values, strict=True))
        templates = self._links.annotations(alert.event)
        return {
            "labels": self._labels | identity,
            "annotations": {name: expand(text, of_what) for name, text in templates.items()},
            "startsAt": _timestamp(alert.starts),
            "endsAt": _timestamp(alert.ends),
        }


class AlertmanagerClient:
    """Sends to one Alertmanager; use it as an asynchronous context."""

    def __init__(self, url: str, credentials: Credentials) -> None:
        """``url`` is Alertmanager's own address, with the prefix of its paths if it has one."""
        self.url = url
        self._target = URL(url.rstrip("/") + PATH)
        self._credentials = credentials
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=TIMEOUT),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": f"browsertrix-exporter/{__version__}"},
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def post(self, alerts: Sequence[dict[str, Any]]) -> None:
        """Send these; none at all is a request too, which shows whether some would be taken.

        Raises RejectedError where Alertmanager refuses what was sent, PostError where it cannot be
        reached or refuses whoever sends.
        """
        assert self._session is not None, "to be used in its context"  # noqa: S101
        https = self._target.scheme == "https"
        try:
            async with self._session.post(
                self._target,
                data=json.dumps(alerts).encode(),
                headers={"Content-Type": "application/json", **self._credentials.headers()},
                allow_redirects=False,  # it would be sent the credentials
                ssl=self._credentials.context() if https else True,
                server_hostname=self._credentials.server_name if https else None,
            ) as response:
                if not response.ok or response.status >= 300:
                    raise await _refusal(response)
                await response.read()
        except (aiohttp.ClientError, OSError) as error:
            raise _failure(error) from error


def _timestamp(seconds: float) -> str:
    """RFC 3339, to the millisecond."""
    text = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return text.removesuffix("+00:00") + "Z"


_BY_STATUS: Final = {
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    429: "too_many_requests",
}


async def _refusal(response: aiohttp.ClientResponse) -> PostError:
    status = response.status
    if status in _ABOUT_THE_ALERTS:
        return RejectedError(f"it answered {status}{await _complaint(response)}")
    if 300 <= status < 400:
        return PostError(
            "redirected", f"it answered {status}: give the address it redirects to instead"
        )
    reason = _BY_STATUS.get(status, "server_error" if status >= 500 else "refused")
    wait = retry_after(response.headers.get("Retry-After"))
    return PostError(reason, f"it answered {status}", wait)


async def _complaint(response: aiohttp.ClientResponse) -> str:
    """What Alertmanager says is wrong with an alert: a JSON string."""
    if response.content_type != "application/json":
        return ""
    try:
        said = json.loads(await response.content.read(_LONGEST_COMPLAINT))
    except ValueError:
        return ""
    text = said.get("message") if isinstance(said, dict) else said
    return f": {' '.join(text.split())[:300]}" if isinstance(text, str) else ""


def _failure(error: Exception) -> PostError:
    """Sort what aiohttp and the system raise."""
    text = " ".join(str(error).split())[:300] or type(error).__name__
    match error:
        case aiohttp.ClientSSLError() | ssl.SSLError():
            return PostError("tls", f"TLS: {text}")
        case aiohttp.ConnectionTimeoutError() | aiohttp.ClientConnectorError():
            return PostError("unreachable", text)
        case TimeoutError():
            return PostError("timeout", f"no answer within {TIMEOUT:g} s")
        case _:
            return PostError("cut", f"the connection was cut: {text}")
