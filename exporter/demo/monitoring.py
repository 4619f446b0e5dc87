"""Prometheus and Alertmanager beside the demo, where they are installed: alerts to watch.

They are started and left to get ready by themselves, so that the exporter need not wait for them;
one that ends is told and missed by nobody.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

from exporter.demo import programs
from exporter.demo.configurations import ROUTES, RULES, scraping, shipped, telling
from exporter.demo.programs import Program
from exporter.demo.receiver import Notification, receiver

log = logging.getLogger("exporter.demo")

_EVERY: Final = "5s"
"""Scrapes and evaluations: often, for lives are short here."""
_PROMETHEUS_PORT: Final = 9090
_ALERTMANAGER_PORT: Final = 9093
_HINT: Final = (
    "`make tools` fetches both, or install the packages prometheus and prometheus-alertmanager."
)


@asynccontextmanager
async def monitoring(folder: Path, target: str, path: str) -> AsyncIterator[str]:
    """Watch the exporter at ``target`` (a URL without ``path``); gives what to tell the user."""
    server = programs.find("prometheus", Path())
    sender = programs.find("alertmanager", Path())
    if server is None:
        yield f"Prometheus is not installed here, so no alerts are to be seen;\n{_HINT}\n"
        return
    async with AsyncExitStack() as ending:
        said = ""
        alerts_to = None
        if sender is None:
            said = f"Alertmanager is not installed here, so nobody is notified;\n{_HINT}\n"
        else:
            webhook = await ending.enter_async_context(receiver(tell))
            alertmanager = programs.alertmanager(
                sender,
                folder,
                telling(shipped(ROUTES), webhook),
                port=programs.free_port(_ALERTMANAGER_PORT),
            )
            await ending.enter_async_context(_beside(alertmanager))
            alerts_to = alertmanager.url
            said = (
                f"    Alertmanager  {alertmanager.url}\n"
                "Whom it would page or write to is told here, in lines with msg=notified.\n"
            )
        prometheus = programs.prometheus(
            server,
            folder,
            scraping([target], _EVERY, path=path, rules=shipped(RULES), alertmanager=alerts_to),
            port=programs.free_port(_PROMETHEUS_PORT),
        )
        await ending.enter_async_context(_beside(prometheus))
        yield f"Alerts, as they fire:\n    Prometheus    {prometheus.url}\n{said}"


def tell(notification: Notification) -> None:
    """Log one notification as one line."""
    labels = notification.labels
    which = {name: labels[name] for name in ("namespace", "crawl", "pod") if name in labels}
    log.info(
        "notified" if notification.firing else "resolved",
        extra={
            "alert": labels.get("alertname", ""),
            "severity": labels.get("severity", ""),
            **which,
            "summary": notification.annotations.get("summary", ""),
            "receiver": notification.receiver,
        },
    )


@asynccontextmanager
async def _beside(program: Program) -> AsyncIterator[None]:
    """Have it run until the end of the block, or its own."""
    task = asyncio.create_task(_run(program), name=program.name)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _run(program: Program) -> None:
    try:
        async with programs.running(program) as process:
            status = await process.wait()
    except OSError as error:
        said: dict[str, object] = {"error": str(error)}
    else:
        said = {"status": status, "said": program.last_words()}
    log.warning("%s has ended, and the demo goes on without it", program.name, extra=said)
