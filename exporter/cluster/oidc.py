"""Id-tokens of OpenID Connect: what a kubeconfig names under ``auth-provider`` as ``oidc``.

The client's own code cannot read every token, sends the refresh token and the client's secret to
whoever answers for the issuer, and has no public clients. What is renewed here stays in memory: the
kubeconfig may be read-only, and belongs to kubectl.
Source: client-go's ``plugin/pkg/client/auth/oidc``; RFC 7519.
"""

import logging
import math
import time
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from kubernetes.aio.config.config_exception import ConfigException

from exporter.cluster.oidc_issuer import LOGIN, Issuer, text
from exporter.resources.decoding import InvalidObjectError, decode

logger = logging.getLogger(__name__)

_MARGIN: Final = 60.0
"""Seconds before its expiry that a token is renewed, or a fifth of its life."""
_EXPIRY_DELTA: Final = 10.0
"""Seconds. A kubeconfig's token that expires within these is renewed at once, as by client-go."""
PAUSE: Final = 10.0
"""Seconds from one renewal to the next at least, whether it succeeded or not."""
_SUCCESSORS: Final = {"azure": "kubelogin", "gcp": "gke-gcloud-auth-plugin"}


def oidc_settings(provider: Any) -> dict[str, Any]:
    """Return the ``config`` of an ``auth-provider``; raises ConfigException for another kind.

    client-go removed all others in 1.26.
    """
    name = provider.get("name") if isinstance(provider, dict) else None
    if name == "oidc":
        return dict(provider.get("config") or {})
    which = f"auth-provider {name}" if name in _SUCCESSORS else "this auth-provider"
    plugin = f" ({_SUCCESSORS[name]})" if name in _SUCCESSORS else ""
    raise ConfigException(
        f"{which} cannot be used, nor can it by kubectl since 1.26: use an exec plugin{plugin}"
    )


class OidcAuthProvider:
    """One user's tokens. Make another where the ``settings`` in the kubeconfig are others."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings = settings
        self._issuer = Issuer(settings)
        self._id_token = text(settings, "id-token")
        self._refresh_token = text(settings, "refresh-token")
        self._failure: str | None = None
        self._retry_at = -math.inf
        claims = _read_claims(self._id_token)
        left = 0.0 if claims is None else claims.expires - time.time()
        self._set_life(left)
        if left <= _EXPIRY_DELTA and self._refresh_token:
            self._due_at = -math.inf

    @property
    def renew_at(self) -> float:
        """When to ask for the token again, as ``time.monotonic`` counts."""
        return max(self._due_at, self._retry_at)

    async def token(self, *, refused: bool = False) -> str:
        """Return an id-token, renewed if it is due, or was ``refused`` though it is valid.

        While the issuer cannot be asked, it is the old one until that expires. Raises
        ConfigException where there is no valid one.
        """
        now = time.monotonic()
        if self._refresh_token and (refused or now >= self._due_at) and now >= self._retry_at:
            await self._try_to_renew(self._refresh_token)
        if self._id_token and time.monotonic() < self._expires_at:
            return self._id_token
        why = self._failure or f"the id-token has expired, and there is no refresh-token: {LOGIN}"
        raise ConfigException(f"auth-provider oidc: {why}")

    async def _try_to_renew(self, refresh_token: str) -> None:
        try:
            await self._renew(refresh_token)
        except ConfigException as error:
            self._retry_at = time.monotonic() + PAUSE
            if str(error) != self._failure and time.monotonic() < self._expires_at:
                logger.warning(
                    "an id-token cannot be renewed, keeping it until it expires",
                    extra={"error": str(error)},
                )
            self._failure = str(error)
        else:
            self._retry_at = min(time.monotonic() + PAUSE, self._due_at)
            self._failure = None

    async def _renew(self, refresh_token: str) -> None:
        tokens = await self._issuer.redeem(refresh_token)
        self._refresh_token = tokens.refresh_token or refresh_token
        claims = _read_claims(tokens.id_token)
        if claims is None:
            raise ConfigException("the issuer's new id-token cannot be read")
        life = claims.life(time.time())
        if life <= 0:
            raise ConfigException("the issuer's new id-token has expired already")
        self._id_token = tokens.id_token
        self._set_life(life)

    def _set_life(self, seconds: float) -> None:
        """Note how long the token lives from now on, whatever the clock does meanwhile."""
        self._expires_at = self._due_at = time.monotonic() + seconds
        if self._refresh_token:
            self._due_at -= min(_MARGIN, seconds / 5)


@dataclass(frozen=True, slots=True)
class _Claims:
    """What a token says of its time, in Unix seconds."""

    expires: float
    issued: float | None

    def life(self, now: float) -> float:
        """Seconds that it has left, when it has just come; zero or less if it is over.

        By the clock, unless that is set wrong: a token cannot have more left than it was given.
        """
        left = self.expires - now
        if self.issued is None:
            return left
        whole = self.expires - self.issued
        return left if 0 < left <= whole else whole


def _read_claims(token: str | None) -> _Claims | None:
    """Read a JWT's payload, which is base64url without padding; None where it cannot be read.

    The signature is the API server's business.
    """
    parts = (token or "").split(".")
    if len(parts) != 3:
        return None
    try:
        claims = decode(urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (InvalidObjectError, ValueError):
        return None
    expires = _number(claims.get("exp")) if isinstance(claims, dict) else None
    return None if expires is None else _Claims(expires, _number(claims.get("iat")))


def _number(value: Any) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
