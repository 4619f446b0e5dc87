"""``--web.config.file``: in force as it is now, without a restart.

Whether it, or a file it names, has changed is looked up at each connection and request, as by the
exporter-toolkit, with a few calls of stat(2). So a renewed certificate, by a swapped ``..data`` of
a Secret's volume among others, is used by the next connection. A new content that cannot be used
leaves the old one in force, is logged once, and is a metric.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from exporter.metrics import Reloads
from exporter.runtime.files import changed, fingerprints
from exporter.web.config.model import ClientAuth, WebConfig, WebConfigError
from exporter.web.config.parsing import parse
from exporter.web.config.tls import ServerTls
from exporter.web.config.token_bucket import TokenBucket
from exporter.web.config.users import Users

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class InForce:
    """A configuration with what is made of it."""

    config: WebConfig
    tls: ServerTls | None
    users: Users | None
    bucket: TokenBucket | None


class WebConfigFile:
    """One file, read again whenever it or what it names has changed."""

    def __init__(
        self, path: Path, *, open_probes: bool = False, clock: Callable[[], float] = time.time
    ) -> None:
        """Read it; raises WebConfigError. ``clock`` is in seconds since 1970."""
        self._path = path
        self._open_probes = open_probes
        self._clock = clock
        self._seen = fingerprints([str(path)])
        self._in_force = self._read(None)
        self.reloads = Reloads(successful=True, last_success=clock())

    def in_force(self) -> InForce:
        """What holds for a connection or a request that begins now."""
        if changed(self._seen):
            self._reload()
        return self._in_force

    def log_what_does_nothing(self) -> None:
        """Say what the file has and this server has not."""
        config = self._in_force.config
        if config.http2 is not None:
            logger.info("http2 does nothing: this server speaks HTTP/1.1 alone")
        if config.tls is None:
            return
        if config.tls.client_auth is ClientAuth.REQUEST:
            logger.warning("RequestClientCert does nothing: what is not verified is not asked for")
        if config.tls.client_auth is ClientAuth.REQUIRE_ANY:
            logger.warning("RequireAnyClientCert is taken as RequireAndVerifyClientCert")
        if config.tls.client_auth.verifies and not config.tls.client_ca:
            logger.warning(
                "client certificates of all the system's authorities are believed; "
                "set client_ca_file"
            )

    def _reload(self) -> None:
        try:
            self._in_force = self._read(self._in_force)
        except WebConfigError as error:  # once for each change
            self.reloads = replace(self.reloads, successful=False)
            logger.error(  # noqa: TRY400 - one readable line
                "the web configuration cannot be used, keeping what was read before",
                extra={"error": str(error)},
            )
            return
        self.reloads = Reloads(successful=True, last_success=self._clock())
        logger.info("the web configuration was read again", extra={"file": str(self._path)})

    def _read(self, before: InForce | None) -> InForce:
        """Read it all; what has not changed since ``before`` keeps what it remembers."""
        self._seen = fingerprints(
            [str(self._path)]
        )  # first: what changes from here on is read again
        config = parse(self._path)
        if config.tls is not None:
            self._seen |= fingerprints(map(str, config.tls.files))
        if before is not None and (before.tls is None) != (config.tls is None):
            raise WebConfigError(f"{self._path}: TLS can be switched on or off by a restart alone")
        tls = None if config.tls is None else ServerTls(config.tls, open_probes=self._open_probes)
        users, bucket = None, None
        if config.users:
            same = before is not None and before.config.users == config.users
            users = before.users if before and same else Users(config.users)
        if config.rate_limit:
            same = before is not None and before.config.rate_limit == config.rate_limit
            bucket = before.bucket if before and same else TokenBucket(config.rate_limit)
        return InForce(config, tls, users, bucket)
