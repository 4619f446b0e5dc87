"""deploy/compose as the engine reads it: strictly, resolved, and laid out as it is mounted.

No container engine runs here. What it would do with these files before it starts anything is done
by hand: merge keys, profiles, paths, and which service has which name.
"""

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, StringConstraints

from support.tools import ROOT

FOLDER: Final = ROOT / "deploy" / "compose"
PROFILES: Final = {"demo": ".env", "cluster": "cluster.env"}
"""Each profile with the file that chooses it."""

Duration = Annotated[str, StringConstraints(pattern=r"^\d+(ms|s|m|h)$")]
Port = Annotated[str, StringConstraints(pattern=r"^127\.0\.0\.1:\d+:\d+$")]
"""Published on this machine's own address alone."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Healthcheck(_Strict):
    """How the engine asks whether a service is well."""

    test: list[str]
    interval: Duration
    timeout: Duration
    retries: int
    start_period: Duration
    start_interval: Duration


class SecretMount(_Strict):
    """A secret where a service wants it."""

    source: str
    target: str


class Network(_Strict):
    """What else a service is called in a network."""

    aliases: list[str]


class Dependency(_Strict):
    """What has to be so before a service starts."""

    condition: Literal["service_healthy"]


class Service(_Strict):
    """The keys that services have here; any other one is a mistake until it is added."""

    image: str
    build: str = ""
    profiles: list[str] = []
    entrypoint: list[str] = []
    command: list[str] = []
    environment: dict[str, str] = {}
    user: str
    read_only: bool
    cap_drop: list[str]
    security_opt: list[str]
    restart: Literal["unless-stopped"]
    pids_limit: int
    tmpfs: list[str] = []
    ports: list[Port] = []
    networks: dict[str, Network] = {}
    volumes: list[str] = []
    secrets: list[str | SecretMount] = []
    depends_on: dict[str, Dependency] = {}
    healthcheck: Healthcheck

    def mounts(self) -> dict[str, str]:
        """What is mounted: the path within, and the source or the volume's name."""
        found = {}
        for volume in self.volumes:
            source, target, *_ = volume.split(":")
            found[target] = source
        return found

    def secret_paths(self) -> dict[str, str]:
        """The secrets: the path within, and the name."""
        return {
            f"/run/secrets/{secret}" if isinstance(secret, str) else secret.target: (
                secret if isinstance(secret, str) else secret.source
            )
            for secret in self.secrets
        }


class SecretFile(_Strict):
    """A secret that is a file."""

    file: str


class Project(_Strict):
    """A compose file."""

    name: str
    services: dict[str, Service]
    volumes: dict[str, None]
    secrets: dict[str, SecretFile]

    def of_profile(self, profile: str) -> dict[str, Service]:
        """The services that are started with it."""
        return {
            name: service
            for name, service in self.services.items()
            if not service.profiles or profile in service.profiles
        }

    def names(self, profile: str) -> set[str]:
        """The names under which the services of a profile reach each other."""
        running = self.of_profile(profile)
        return set(running) | {
            alias
            for service in running.values()
            for network in service.networks.values()
            for alias in network.aliases
        }


@dataclass(frozen=True)
class Mounted:
    """A service's file system, as far as it is not the image's, below a folder."""

    root: Path

    def at(self, path: str) -> Path:
        """Where the service's ``path`` is here."""
        return self.root / path.lstrip("/")


def environment(profile: str) -> dict[str, str]:
    """The variables of the profile's file."""
    lines = (FOLDER / PROFILES[profile]).read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def project(profile: str) -> Project:
    """The compose file with the profile's variables put in; raises ValidationError."""
    text = (FOLDER / "compose.yaml").read_text(encoding="utf-8")
    resolved = _interpolated(yaml.safe_load(text), environment(profile))
    return Project.model_validate(
        {key: value for key, value in resolved.items() if not key.startswith("x-")}
    )


def _interpolated(node: Any, variables: Mapping[str, str]) -> Any:
    match node:
        case dict():
            return {key: _interpolated(value, variables) for key, value in node.items()}
        case list():
            return [_interpolated(value, variables) for value in node]
        case str():
            return re.sub(
                r"\$\{(\w+):-([^}]*)\}", lambda found: variables.get(found[1]) or found[2], node
            )
        case _:
            return node


def lay_out(service: Service, root: Path) -> Mounted:
    """Copy what is mounted into the service to where it would be, below ``root``."""
    for target, source in service.mounts().items():
        place = root / target.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        if not source.startswith("."):
            place.mkdir()
        elif (FOLDER / source).is_dir():
            shutil.copytree(FOLDER / source, place)
        else:
            shutil.copy(FOLDER / source, place)
    return Mounted(root)
