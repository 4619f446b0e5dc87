"""Who may log in, and for how long: passwords, the lock on an account, tokens.

A wrong password is refused five times with 400. From the sixth try on the account is locked (429),
also to who knows the password, until an hour after the last try. Tokens given before go on working.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from exporter.simulator.browsertrix_api.people import Person
from exporter.simulator.browsertrix_api.refusals import RefusedError

_MOST_FAILED: Final = 5
_LOCKED_FOR: Final = 3600.0
"""Seconds from the last try."""

SUPERADMIN: Final = "admin@fake-person.invalid"
DEFAULT_PASSWORD: Final = "simulated"  # noqa: S105 - of nobody
"""Of that user, unless told otherwise."""


@dataclass(slots=True, kw_only=True)
class User:
    """Somebody who may log in; who is no superadmin belongs to ``organisations``."""

    email: str
    password: str
    is_superuser: bool = True
    organisations: frozenset[str] = frozenset()

    def info(self) -> dict[str, Any]:
        """As the API answers it."""
        person = Person(len(self.email))
        return {
            "id": person.id,
            "name": person.name,
            "email": self.email,
            "is_superuser": self.is_superuser,
            "is_verified": True,
            "orgs": [
                {"id": oid, "name": "", "slug": "", "default": False, "role": 40}
                for oid in sorted(self.organisations)
            ],
        }


@dataclass(slots=True)
class _Tries:
    failed: int = 0
    last: float = 0.0


class Accounts:
    """Those of one Browsertrix."""

    def __init__(
        self, *users: User, clock: Callable[[], float], lifetime_minutes: int = 60
    ) -> None:
        """``clock`` gives seconds since 1970, and a token lives for so long."""
        self.users = {user.email: user for user in users}
        self.lifetime_minutes = lifetime_minutes
        self.mails = 0
        """Sent to owners of accounts because of a lock."""
        self._clock = clock
        self._tries: dict[str, _Tries] = {}
        self._revoked_before = 0
        self._given = 0

    def log_in(self, email: str, password: str) -> User:
        """Return whose password it is. Raises RefusedError."""
        now = self._clock()
        tries = self._tries.get(email, _Tries())
        if now - tries.last >= _LOCKED_FOR:
            tries = _Tries()
        is_locked = tries.failed >= _MOST_FAILED
        user = self.users.get(email)
        if user is not None and user.password == password and not is_locked:
            self._tries.pop(email, None)
            return user
        tries.failed += 1
        tries.last = now
        self._tries[email] = tries
        if not is_locked:
            raise RefusedError(400, "login_bad_credentials")
        if tries.failed == _MOST_FAILED + 1:
            self.mails += 1
        raise RefusedError(429, "too_many_login_attempts")

    def token(self, user: User) -> str:
        """Give a new token, a JSON Web Token with its end in it."""
        self._given += 1
        claims = {
            "sub": user.email,
            "exp": int(self._clock()) + self.lifetime_minutes * 60,
            "aud": ["btrix:auth"],
            "jti": self._given,
        }
        parts = (_encoded({"alg": "HS256", "typ": "JWT"}), _encoded(claims))
        return ".".join((*parts, _signature(*parts)))

    def user_of(self, token: str) -> User | None:
        """Whose token it is; None where it is nobody's any more."""
        match token.split("."):
            case [head, payload, signature] if signature == _signature(head, payload):
                claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
            case _:
                return None
        if claims["exp"] <= self._clock() or claims["jti"] <= self._revoked_before:
            return None
        return self.users.get(claims["sub"])

    def expire_tokens(self) -> None:
        """Let all tokens given so far have expired."""
        self._revoked_before = self._given


def _encoded(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _signature(head: str, payload: str) -> str:
    digest = hmac.digest(b"simulated", f"{head}.{payload}".encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
