"""A kubeconfig whose user has an OpenID Connect issuer, and a clock for its tokens."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote_plus

import pytest

from exporter.cluster.credentials import ConfigError, Kubeconfig
from support.kubeconfigs import config, write
from support.oidc_issuer import jwt

REFRESH: Final = "r3fr3sh"
SECRET: Final = "s3cr3t/+ä"  # noqa: S105 - of no client
NOW: Final = 1_800_000_000.0
"""Seconds since 1970, by ``TokenClock`` at first."""


@dataclass
class TokenClock:
    """Stands in for the module ``time``."""

    wall: float = NOW
    elapsed: float = 1000.0

    def time(self) -> float:
        return self.wall

    def monotonic(self) -> float:
        return self.elapsed

    def advance(self, seconds: float) -> None:
        self.wall += seconds
        self.elapsed += seconds


@dataclass
class User:
    """A kubeconfig with a user of an issuer."""

    path: Path
    settings: dict[str, Any]
    cluster: dict[str, Any] = field(default_factory=lambda: {"server": "http://api:1"})

    def set(self, **settings: Any) -> None:
        """Change settings; None takes one away."""
        for name, value in settings.items():
            self.settings[name.replace("_", "-")] = value
        self.write()

    def write(self, **more: Any) -> None:
        settings = {name: value for name, value in self.settings.items() if value is not None}
        provider = {"name": "oidc", "config": settings}
        write(self.path, config({"auth-provider": provider, **more}, self.cluster))

    def source(self) -> Kubeconfig:
        self.write()
        return Kubeconfig([self.path], None)


def fresh(number: int = 1, **claims: Any) -> str:
    """A token that the issuer has just made, for an hour."""
    return jwt(**{"iat": NOW, "exp": NOW + 3600, "number": number, **claims})


async def token(source: Kubeconfig) -> str:
    found: str = (await source.load()).api_key["BearerToken"]
    return found.removeprefix("Bearer ")


async def complaint(source: Kubeconfig) -> str:
    with pytest.raises(ConfigError) as caught:
        await source.load()
    text = str(caught.value)
    for hidden in (REFRESH, SECRET, quote_plus(SECRET), "eyJ"):
        assert hidden not in text.partition(": ")[2]
    assert "\n" not in text
    return text.partition(": ")[2]
