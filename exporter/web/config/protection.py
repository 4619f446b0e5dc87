"""Who gets an answer: by rate, by certificate, by password, before all else."""

from collections.abc import Collection
from typing import Final

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from exporter.web.config.file import WebConfigFile

_CHALLENGE: Final = 'Basic realm="browsertrix-exporter", charset="UTF-8"'


def protection(
    file: WebConfigFile, open_paths: Collection[str] = (), *, limits_rate: bool = True
) -> Middleware:
    """Refuse what the file does not allow, but at ``open_paths``: 429, 403 or 401."""

    @web.middleware
    async def protected(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path in open_paths:
            return await handler(request)
        rules = file.in_force()
        if limits_rate and rules.bucket is not None and not rules.bucket.take():
            return web.Response(status=429, text="Too Many Requests\n")
        if rules.tls is not None and not rules.tls.admits_request(
            request.get_extra_info("peercert")
        ):
            return web.Response(status=403, text="A client certificate is needed.\n")
        if rules.users is not None and not await rules.users.admit(
            request.headers.get(hdrs.AUTHORIZATION), lambda: request.transport is not None
        ):
            headers = {hdrs.WWW_AUTHENTICATE: _CHALLENGE}
            return web.Response(status=401, text="Unauthorized\n", headers=headers)
        return await handler(request)

    return protected
