"""What every HTTP client of the exporter has in common, whichever server it talks to.

Nothing of the environment decides who it is (``.netrc``) or which way it takes, for proxies are
chosen by ``exporter.runtime.proxies``; no cookie is kept; and nothing is decompressed, for nothing
compressed is asked for: two megabytes may be two gigabytes.
"""

from typing import Any

import aiohttp

from exporter import __version__


def client_session(
    *, headers: dict[str, str] | None = None, **options: Any
) -> aiohttp.ClientSession:
    """Open a session; ``headers`` go with each request, ``options`` are aiohttp's own."""
    return aiohttp.ClientSession(
        headers={"User-Agent": f"browsertrix-exporter/{__version__}", **(headers or {})},
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
        **options,
    )
