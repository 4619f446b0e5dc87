"""Why an HTTP request failed, in the same terms for every server that the exporter talks to.

A client raises ``RequestError`` and nothing else. Where no complete response came, why not is what
``from_transport`` says; of one that is a refusal, ``status_reason`` names the status. A client adds
what only its own server means by a status, and declares which reasons it can give: they are label
values of its failure counter.
"""

import re
import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import aiohttp

_BY_STATUS: Final = {
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    429: "too_many_requests",
}


_USERINFO: Final = re.compile(r"[^\s/@'\"=]*:[^\s/@'\"]*@|(?<=//)[^\s/@'\"]+@")
_LONGEST_WAIT: Final = 365 * 86_400.0
"""Seconds. Nobody waits that long; what is longer is as good as this."""


def without_userinfo(text: str) -> str:
    """Cut users and passwords out of all addresses in a text."""
    return _USERINFO.sub("", text)


class RequestError(Exception):
    """A request failed; the text is one line without secrets.

    Whatever a library says of a failure comes to a log, a page or a probe through here, and loses
    the users and passwords of addresses on the way.
    """

    def __init__(
        self, reason: str, text: str, retry_after: float | None = None, *, status: int | None = None
    ) -> None:
        super().__init__(without_userinfo(text))
        self.reason = reason
        """One of the few that its client declares, fit for a label."""
        self.status = status
        """Of the response, where one came and its client says it."""
        self.retry_after = retry_after
        """Seconds the server asked us to wait."""


def from_transport(error: Exception, *, timeout: RequestError) -> RequestError:
    """Sort what aiohttp and the system raise: ``tls``, ``unreachable``, ``timeout`` or ``cut``.

    What a timeout after the connection was made means, the client says.
    """
    text = " ".join(str(error).split())[:300] or type(error).__name__
    match error:
        case aiohttp.ClientSSLError() | ssl.SSLError():
            return RequestError("tls", f"TLS: {text}")
        case aiohttp.ConnectionTimeoutError() | aiohttp.ClientConnectorError():
            return RequestError("unreachable", text)
        case TimeoutError():
            return timeout
        case _:
            return RequestError("cut", f"the connection was cut: {text}")


def redirected(status: int) -> RequestError:
    """Say that a client of ours follows no redirect: what it sends is for one server alone."""
    return RequestError(
        "redirected", f"it answered {status}: give the address it redirects to instead"
    )


def status_reason(status: int) -> str:
    """Name a status that is a refusal, whichever server sent it."""
    return _BY_STATUS.get(status, "server_error" if status >= 500 else "refused")


def retry_after(value: str | None, now: datetime | None = None) -> float | None:
    """Read a Retry-After header in either of its forms (RFC 9110, 10.2.3), as seconds from now.

    None where there is none, or where it cannot be read; at most a year.
    """
    if not value:
        return None
    text = value.strip()
    if text.isascii() and text.isdecimal():
        return min(float(text[:9]), _LONGEST_WAIT)
    at = read_date(text)
    if at is None:
        return None
    return min(max(0.0, at - (now or datetime.now(UTC)).timestamp()), _LONGEST_WAIT)


def read_date(value: str | None) -> float | None:
    """Read a date as HTTP has it, in seconds since 1970; None where it cannot be read."""
    try:
        date = parsedate_to_datetime(value or "")
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError, TypeError, IndexError):  # all raised by some header
        return None
