"""A webhook that receives Alertmanager's notifications, for a log or a test to show.

The form is https://prometheus.io/docs/alerting/latest/configuration/#webhook_config, version 4.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from aiohttp import web
from pydantic import BaseModel, ValidationError

_LARGEST: Final = 16 * 1024 * 1024
"""Bytes of one notification: some thousand alerts."""


@dataclass(frozen=True, slots=True)
class Notification:
    """One alert of one POST; Alertmanager sends a group of them together."""

    receiver: str
    firing: bool
    """Else it is resolved."""
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


class _Alert(BaseModel):
    status: str
    labels: dict[str, str]
    annotations: dict[str, str]


class _Message(BaseModel):
    alerts: list[_Alert]


@asynccontextmanager
async def receiver(
    on_notification: Callable[[Notification], None], host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[str]:
    """Listen, on a free port if it is 0; gives the URL: a receiver's name is the path below it.

    Raises OSError where it cannot listen.
    """

    async def take(request: web.Request) -> web.Response:
        try:
            message = _Message.model_validate_json(await request.read())
        except ValidationError:
            raise web.HTTPBadRequest(text="this is no notification of Alertmanager\n") from None
        for alert in message.alerts:
            on_notification(
                Notification(
                    request.match_info["receiver"],
                    alert.status == "firing",
                    alert.labels,
                    alert.annotations,
                )
            )
        return web.Response()

    app = web.Application(client_max_size=_LARGEST)
    app.router.add_post("/{receiver}", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield f"http://{host}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
