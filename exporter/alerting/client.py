"""Alerts over HTTP: one request to one Alertmanager's API (v2), and what its answer means.

The format is that of https://github.com/prometheus/alertmanager, ``api/v2/openapi.yaml``.
"""

import json
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
from exporter.runtime.http_errors import RequestError, from_transport, retry_after, status_reason
from exporter.settings.values import ALERTS_PATH

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
"""Why a request failed: every value of ``RequestError.reason``."""

OWN_LABELS: Final = frozenset({"alertname", "severity", "event", *CRAWL_LABELS})
"""Labels that each alert has itself, so that no external label can be added by their name."""
_ABOUT_THE_ALERTS: Final = frozenset({400, 413, 422})
"""Statuses with which what was sent is refused, and not who sent it."""
_LONGEST_COMPLAINT: Final = 4096


class RejectedError(RequestError):
    """Alertmanager wants one of the alerts not, or not so many; it may have taken the others."""

    def __init__(self, text: str) -> None:
        super().__init__("rejected", text)


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
        self._target = URL(url.rstrip("/") + ALERTS_PATH)
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

        Raises RejectedError where Alertmanager refuses what was sent, any other RequestError where
        it cannot be reached or refuses whoever sends.
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


async def _refusal(response: aiohttp.ClientResponse) -> RequestError:
    status = response.status
    if status in _ABOUT_THE_ALERTS:
        return RejectedError(f"it answered {status}{await _complaint(response)}")
    if 300 <= status < 400:
        return RequestError(
            "redirected", f"it answered {status}: give the address it redirects to instead"
        )
    wait = retry_after(response.headers.get("Retry-After"))
    return RequestError(status_reason(status), f"it answered {status}", wait)


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


def _failure(error: Exception) -> RequestError:
    late = RequestError("timeout", f"no answer within {TIMEOUT:g} s")
    return from_transport(error, timeout=late)
