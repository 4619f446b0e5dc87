"""The landing page, for people, and the probes, for a kubelet."""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Final

from aiohttp import web

from exporter import __version__

Probe = Callable[[], str | None]
"""None when all is well, else the reason in one line."""


@dataclass(frozen=True, slots=True)
class Health:
    """What /livez and /readyz answer by."""

    alive: Probe
    """Whether all its tasks run; if not, only a restart helps."""
    ready: Probe
    """Whether the metrics are complete: after the first whole list."""


LIVENESS_PATHS: Final = ("/livez", "/healthz")
READINESS_PATH: Final = "/readyz"
LANDING_PATH: Final = "/"

_STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;margin:3rem auto;max-width:40rem;padding:0 1rem;"
    "color:#222;background:#fff}h1{margin-bottom:0}p{margin:.25rem 0 1.5rem}"
    "dt{font-weight:600}dd{margin:0 0 .75rem}"
    "@media(prefers-color-scheme:dark){body{color:#ddd;background:#1c1c1e}a{color:#8ab4f8}}"
)
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

_PAGE_HEADERS: Final = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
}

_PAGE: Final = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Browsertrix exporter</title>
<style>{style}</style>
</head>
<body>
<h1>Browsertrix exporter</h1>
<p>Version {version}. Crawls of Browsertrix as Prometheus metrics.</p>
<dl>
<dt>Status</dt><dd>{status}</dd>
{links}
</dl>
</body>
</html>
"""


class Pages:
    """The handlers of the landing page, /livez, /healthz and /readyz."""

    def __init__(self, health: Health, *, telemetry_path: str) -> None:
        self._health = health
        self._links = {
            "Metrics": telemetry_path,
            "Liveness": LIVENESS_PATHS[0],
            "Readiness": READINESS_PATH,
        }

    async def landing(self, _: web.Request) -> web.Response:
        """Name, version, readiness, and links to everything else.

        Relative ones: a proxy before it may serve all this under a path of its own.
        """
        reason = self._health.alive() or self._health.ready()
        links = "\n".join(
            f'<dt>{escape(name)}</dt><dd><a href="{escape(target[1:])}">{escape(target)}</a></dd>'
            for name, target in self._links.items()
        )
        page = _PAGE.format(
            style=_STYLE,
            version=escape(__version__),
            status=escape(reason or "ready"),
            links=links,
        )
        return web.Response(text=page, content_type="text/html", headers=_PAGE_HEADERS)

    async def live(self, _: web.Request) -> web.Response:
        """200 while it is alive; that this answers at all shows that the event loop turns."""
        return _probed(self._health.alive())

    async def readiness(self, _: web.Request) -> web.Response:
        """200 once the metrics are complete."""
        return _probed(self._health.ready())


def _probed(reason: str | None) -> web.Response:
    if reason is None:
        return web.Response(text="ok\n")
    return web.Response(status=503, text=f"{reason}\n")
