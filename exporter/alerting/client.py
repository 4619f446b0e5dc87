"""One request to one Alertmanager's API (v2), and what its response means."""

import json
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

import aiohttp

from exporter.alerting.endpoint import Endpoint
from exporter.alerting.http_config import Credentials
from exporter.alerting.postable_alert import PostableAlert
from exporter.runtime.http_errors import (
    RequestError,
    from_transport,
    redirected,
    retry_after,
    status_reason,
)
from exporter.runtime.http_session import client_session
from exporter.runtime.proxies import ProxyConfig, request_options

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

_ABOUT_THE_ALERTS: Final = frozenset({400, 413, 422})
"""Statuses that reject what was sent, and not who sent it."""
_LONGEST_COMPLAINT: Final = 4096


class RejectedError(RequestError):
    """Alertmanager rejected an alert, or so many at once; it may have accepted the others."""

    def __init__(self, text: str) -> None:
        super().__init__("rejected", text)


class AlertmanagerClient:
    """Posts alerts to one Alertmanager over kept connections; an asynchronous context."""

    def __init__(self, endpoint: Endpoint, credentials: Credentials, proxies: ProxyConfig) -> None:
        self.endpoint = endpoint
        self._credentials = credentials
        self._proxy = proxies.choose(endpoint.named)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = client_session(timeout=aiohttp.ClientTimeout(total=TIMEOUT))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def post(self, alerts: Sequence[PostableAlert]) -> None:
        """Send these in one request; an empty one shows whether alerts would be accepted.

        Raises RejectedError where Alertmanager rejects one of the alerts, any other RequestError
        where it cannot be reached, does not answer within ``TIMEOUT`` or refuses the sender.
        """
        assert self._session is not None, "to be used in its context"  # noqa: S101
        endpoint = self.endpoint
        https = endpoint.named.scheme == "https"
        try:
            async with self._session.post(
                endpoint.connect or endpoint.named,
                data=json.dumps(alerts).encode(),
                headers={
                    "Host": endpoint.host_header,
                    "Content-Type": "application/json",
                    "Accept-Encoding": "identity",
                    **self._credentials.headers(),
                },
                allow_redirects=False,  # it would be sent the credentials
                ssl=self._credentials.context() if https else True,
                server_hostname=self._credentials.server_name or endpoint.name if https else None,
                **request_options(self._proxy),
            ) as response:
                if not response.ok or response.status >= 300:
                    raise await _refusal(response)
        except (aiohttp.ClientError, OSError) as error:
            raise _failure(error) from error


async def _refusal(response: aiohttp.ClientResponse) -> RequestError:
    status = response.status
    if status in _ABOUT_THE_ALERTS:
        return RejectedError(f"it answered {status}{await _complaint(response)}")
    if 300 <= status < 400:
        return redirected(status)
    wait = retry_after(response.headers.get("Retry-After"))
    said = f"it answered {status}{await _complaint(response)}"
    return RequestError(status_reason(status), said, wait)


async def _complaint(response: aiohttp.ClientResponse) -> str:
    """What it says is wrong: a JSON string, or the first line of a text."""
    if response.content_type not in ("application/json", "text/plain"):
        return ""
    body = await response.content.read(_LONGEST_COMPLAINT)
    said: object = body.decode("utf-8", "replace").strip()
    if response.content_type == "application/json":
        try:
            said = json.loads(body)
        except (ValueError, RecursionError):
            return ""
    text = said.get("message") if isinstance(said, dict) else said
    if not isinstance(text, str) or not text:
        return ""
    line = " ".join(text.splitlines()[0].split())[:300]
    return f": {line if line.isprintable() else ascii(line)}"


def _failure(error: Exception) -> RequestError:
    late = RequestError("timeout", f"no answer within {TIMEOUT:g} s")
    return from_transport(error, timeout=late)
