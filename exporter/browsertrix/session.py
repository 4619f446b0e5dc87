"""Being logged in: a superadmin's token, renewed in time; and the end of it, where it is refused.

Browsertrix locks an account after five wrong passwords, for an hour after the last try, and mails
its owner. So what was refused is never tried again before its file has changed. Who is no
superadmin is refused here: to them Browsertrix shows their own organisations, as if that were all.
Where only the answer was lost, the next try waits the longer the more were lost.
How long a token lasts is its end less the server's own time: the clocks need not agree.
"""

import asyncio
import base64
import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from exporter.browsertrix.http import Answer, HTTPClient
from exporter.runtime.backoff import Backoff
from exporter.runtime.files import changed, fingerprints
from exporter.runtime.http_errors import RequestError
from exporter.runtime.http_files import HTTPClientConfigError, read_secret

logger = logging.getLogger(__name__)

_REFUSALS: Final = frozenset({"refused", "unauthorized", "forbidden", "too_many_requests"})
"""Reasons of a failed login that a second try would not mend."""
_NOT_SENT: Final = frozenset({"unreachable", "tls"})
"""Reasons with which no password has arrived."""
_FIRST_WAIT: Final = 30.0
_LONGEST_WAIT: Final = 600.0
"""Seconds after a login whose answer was lost: a wrong password may have been counted."""
_RENEW_AFTER: Final = 0.75
"""Of a token's life."""
_DEFAULT_LIFETIME: Final = 3600.0
"""Seconds. Browsertrix's, where neither token nor settings say anything else."""


class LoginRefusedError(RequestError):
    """Nothing is asked before the file changes."""

    def __init__(self, text: str) -> None:
        super().__init__("login_refused", text)


class CredentialsError(RequestError):
    """The file cannot be used now; nothing was sent."""

    def __init__(self, text: str) -> None:
        super().__init__("credentials", text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """How one logs in: by a name and a file with the password, or by a file with a token alone."""

    file: Path
    username: str | None = None
    """None: the file has a token."""


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    life: float
    """Seconds."""
    renew_at: float
    """By a clock that nobody sets, as the next."""
    expires_at: float


class Session:
    """Gives a token that counts; for any number of requests at once."""

    def __init__(
        self, http: HTTPClient, login: Login, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Read the file. Raises HTTPClientConfigError where it cannot be used.

        ``clock`` is in seconds; nobody may set it.
        """
        read_secret(login.file)
        self._http = http
        self._login = login
        self._seen = fingerprints([str(login.file)])
        self._clock = clock
        self._lost = Backoff(_FIRST_WAIT, _LONGEST_WAIT)
        self._wait_until = 0.0
        self._last_error: RequestError | None = None
        self._refused: str | None = None
        self._token: _Token | None = None
        self._lock = asyncio.Lock()

    @property
    def refused(self) -> str | None:
        """Why nothing is asked until the file changes; None while all is well."""
        return self._refused

    async def token(self) -> str:
        """Return a token that counts, as far as one can know. Raises RequestError.

        That is LoginRefusedError, without a request, once it was refused.
        """
        async with self._lock:
            self._look_at_file()
            token = self._token
            if token is None or self._clock() >= token.expires_at:
                return await self._logged_in()
            if self._clock() >= token.renew_at:
                return await self._refreshed(token)
            return token.text

    async def renewed(self, rejected: str) -> str:
        """Return another token than one that Browsertrix answered 401 to. Raises RequestError."""
        async with self._lock:
            if self._token is not None and self._token.text == rejected:
                self._token = None
        return await self.token()

    async def verify(self) -> None:
        """Ask whether the user still is a superadmin; raises RequestError where that is not so."""
        token = await self.token()
        answer = await self._http.get("me", "/users/me", {}, token)
        if _is_superadmin(answer.content) is False:
            raise self._refusal("the user is no superadmin any more")

    # -- the steps, with the lock held

    def _look_at_file(self) -> None:
        if changed(self._seen):
            self._seen = fingerprints(self._seen)
            if self._refused is not None:
                logger.info("the login's file has changed, trying it")
            self._refused, self._wait_until = None, 0.0
            if self._login.username is None:
                self._token = None

    async def _logged_in(self) -> str:
        if self._refused is not None:
            raise LoginRefusedError(self._refused)
        if self._last_error is not None and self._clock() < self._wait_until:
            last = self._last_error
            raise RequestError(last.reason, str(last), last.retry_after)
        self._token = None
        try:
            secret = read_secret(self._login.file)
        except HTTPClientConfigError as error:
            raise CredentialsError(str(error)) from None
        if self._login.username is None:
            return await self._admit(secret, None, _DEFAULT_LIFETIME)
        return await self._log_in(self._login.username, secret)

    async def _log_in(self, username: str, password: str) -> str:
        # A password is only sent to what has answered as Browsertrix does.
        settings = await self._http.get("settings", "/settings", {}, None)
        try:
            answer = await self._http.login(username, password)
        except RequestError as error:
            if error.reason in _REFUSALS:
                raise self._refusal(f"the login was refused: {error}") from error
            if error.reason not in _NOT_SENT:
                self._last_error = error
                self._wait_until = self._clock() + self._lost.next(error.retry_after)
            raise
        self._lost.reset()
        self._last_error = None
        return await self._admit(_token_of(answer), answer, _lifetime_set(settings.content))

    async def _refreshed(self, token: _Token) -> str:
        """Exchange the token; while that fails, it is used as long as it lasts."""
        try:
            answer = await self._http.refresh(token.text)
            return await self._admit(_token_of(answer), answer, token.life)
        except LoginRefusedError:
            raise
        except RequestError as error:
            if error.reason == "unauthorized":
                return await self._logged_in()
            left = token.expires_at - self._clock()
            self._token = replace(token, renew_at=self._clock() + left / 4)
            return token.text

    async def _admit(self, text: str, answer: Answer | None, lifetime: float) -> str:
        """Take the token of a superadmin; ``lifetime`` in seconds where it does not say its own."""
        is_superadmin = None if answer is None else _is_superadmin(_user_info(answer.content))
        if answer is None or is_superadmin is None:
            try:
                answer = await self._http.get("me", "/users/me", {}, text)
            except RequestError as error:
                if self._login.username is None and error.reason in {"unauthorized", "forbidden"}:
                    raise self._refusal(f"the token is wrong or has expired: {error}") from error
                raise
            is_superadmin = _is_superadmin(answer.content)
        if is_superadmin is None:
            raise RequestError("not_json", "it does not say whether the user is a superadmin")
        if not is_superadmin:
            raise self._refusal("the user is no superadmin, who alone sees all organisations")
        left = _seconds_left(text, answer.date)
        life = lifetime if left is None else left
        now = self._clock()
        self._token = _Token(text, life, now + _RENEW_AFTER * life, now + life)
        return text

    def _refusal(self, why: str) -> LoginRefusedError:
        """Ask for nothing before the file changes; returns what is to be raised."""
        self._refused, self._token = why, None
        logger.error(
            "Browsertrix refuses us, asking for nothing until the file changes",
            extra={"file": str(self._login.file), "error": why},
        )
        return LoginRefusedError(why)


def _user_info(content: Any) -> Any:
    return content.get("user_info") if isinstance(content, dict) else None


def _token_of(answer: Answer) -> str:
    token = answer.content.get("access_token") if isinstance(answer.content, dict) else None
    if not isinstance(token, str) or not token or not (token.isascii() and token.isprintable()):
        raise RequestError("not_json", "its answer to the login has no token")
    return token


def _is_superadmin(user: Any) -> bool | None:
    found = user.get("is_superuser") if isinstance(user, dict) else None
    return found if isinstance(found, bool) else None


def _lifetime_set(settings: Any) -> float:
    minutes = settings.get("jwtTokenLifetime") if isinstance(settings, dict) else None
    if not isinstance(minutes, int) or not 0 < minutes < 1e9:
        return _DEFAULT_LIFETIME
    return minutes * 60.0


def _seconds_left(token: str, server_time: float | None) -> float | None:
    """Until the token ends, by the clock of who gave it; None where that cannot be said."""
    parts = token.split(".")
    if server_time is None or len(parts) != 3:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        left = float(claims["exp"]) - server_time
    except (ValueError, LookupError, TypeError, RecursionError, OverflowError):
        return None
    return left if 0 < left < 1e9 else None
