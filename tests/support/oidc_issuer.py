"""An OpenID Connect issuer over real HTTPS, and the tokens that it gives."""

import asyncio
import json
import ssl
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from aiohttp import web

CONFIGURATION: Final = "/realm/.well-known/openid-configuration"
TOKEN: Final = "/realm/token"  # noqa: S105 - a path


def jwt(**claims: Any) -> str:
    """Make a token whose signature nobody checks."""
    parts = {"alg": "none"}, claims, "signature"
    texts = [json.dumps(part, ensure_ascii=False).encode() for part in parts]
    return ".".join(urlsafe_b64encode(text).decode().rstrip("=") for text in texts)


@dataclass
class OidcIssuer:
    """Gives ``tokens`` one after the other; what is in ``answers`` goes before."""

    tokens: list[dict[str, Any]] = field(default_factory=list)
    answers: dict[str, list[web.Response]] = field(default_factory=dict)
    """By path: what to answer next."""
    configuration: dict[str, Any] | None = None
    asked: list[str] = field(default_factory=list)
    """The paths."""
    forms: list[Mapping[str, Any]] = field(default_factory=list)
    authorizations: list[str | None] = field(default_factory=list)
    silent: asyncio.Event = field(default_factory=asyncio.Event)
    url: str = ""

    @classmethod
    @asynccontextmanager
    async def running(cls, certificate: Path, key: Path) -> AsyncIterator[Self]:
        """Listen on 127.0.0.1."""
        issuer = cls()
        issuer.silent.set()
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, key)
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", issuer._handle)
        runner = web.AppRunner(application)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        issuer.url = f"https://127.0.0.1:{runner.addresses[0][1]}/realm"
        try:
            yield issuer
        finally:
            issuer.silent.set()
            await runner.cleanup()

    async def _handle(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        if request.path == TOKEN:
            self.forms.append(dict(await request.post()))
            self.authorizations.append(request.headers.get("Authorization"))
        await self.silent.wait()
        if waiting := self.answers.get(request.path):
            return waiting.pop(0)
        if request.path == CONFIGURATION:
            endpoint = self.url.replace("/realm", TOKEN)
            return web.json_response(self.configuration or {"token_endpoint": endpoint})
        return web.json_response(self.tokens.pop(0))
