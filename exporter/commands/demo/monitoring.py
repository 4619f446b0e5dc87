"""Prometheus and Alertmanager beside the demo, where they are installed: alerts to watch.

They are started once the exporter listens, so that it need not wait for them; if one ends, a
warning is logged and the demo goes on.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from exporter.commands.demo import programs
from exporter.commands.demo.configurations import (
    ROUTES,
    RULES,
    alertmanager_config,
    kubelets,
    prometheus_config,
    shipped,
)
from exporter.commands.demo.programs import Program
from exporter.commands.demo.receiver import Notification, receiver

log = logging.getLogger("exporter.commands.demo")

_EVERY: Final = "5s"
"""Seconds between scrapes and evaluations: few, for crawls are short here."""
_PROMETHEUS_PORT: Final = 9090
_ALERTMANAGER_PORT: Final = 9093
_HINT: Final = (
    "`make tools` fetches both, or install the packages prometheus and prometheus-alertmanager."
)


@asynccontextmanager
async def monitoring(folder: Path, target: str, path: str, cluster: Path) -> AsyncIterator[str]:
    """Watch the exporter at ``target`` (a URL without ``path``); gives a text for the user.

    ``cluster`` is the simulated cluster's kubeconfig, written before the exporter listens.
    """
    server = programs.find("prometheus", Path())
    if server is None:
        yield f"Prometheus is not installed here, so no alerts are to be seen;\n{_HINT}\n"
        return
    port = programs.free_port(_PROMETHEUS_PORT)
    which = await _version(server)
    said = f"Alerts, as they fire:\n    Prometheus    http://127.0.0.1:{port}{which}\n"
    sender = programs.find("alertmanager", Path())
    alerts_port = programs.free_port(_ALERTMANAGER_PORT)
    if sender is None:
        said += f"Alertmanager is not installed here, so nobody is notified;\n{_HINT}\n"
    else:
        which = await _version(sender)
        said += (
            f"    Alertmanager  http://127.0.0.1:{alerts_port}{which}\n"
            "Its notifications are logged here, in lines with msg=notified.\n"
        )

    async def run() -> None:
        await _listening(target)
        async with receiver(log_notification) as webhook, asyncio.TaskGroup() as together:
            alerts_to = None
            if sender is not None:
                configuration = alertmanager_config(shipped(ROUTES), webhook)
                alertmanager = programs.alertmanager(
                    sender, folder, configuration, port=alerts_port
                )
                alerts_to = alertmanager.url
                together.create_task(_run(alertmanager))
            configuration = prometheus_config(
                [target],
                _EVERY,
                path=path,
                rules=shipped(RULES),
                alertmanager=alerts_to,
            )
            configuration["scrape_configs"].append(kubelets(cluster))
            prometheus = programs.prometheus(server, folder, configuration, port=port)
            together.create_task(_run(prometheus))

    task = asyncio.create_task(run())
    try:
        yield said
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _version(executable: Path) -> str:
    """The program's version, to be appended to what is said of it."""
    found = await asyncio.to_thread(programs.version, executable)
    return f"  ({found})" if found else ""


async def _listening(url: str) -> None:
    """Wait until the URL's port accepts connections; polls ten times a second."""
    parts = urlsplit(url)
    while True:
        try:
            _, writer = await asyncio.open_connection(parts.hostname, parts.port)
        except OSError:
            await asyncio.sleep(0.1)
        else:
            writer.close()
            return


def log_notification(notification: Notification) -> None:
    """Log who would be notified of which alert: one line, values in fields."""
    labels = notification.labels
    which = {name: labels[name] for name in ("namespace", "crawl", "pod") if name in labels}
    log.info(
        "notified" if notification.firing else "resolved",
        extra={
            "alert": labels.get("alertname", ""),
            "severity": labels.get("severity", ""),
            **which,
            "subject": notification.annotations.get("subject", ""),
            "summary": notification.annotations.get("summary", ""),
            "receiver": notification.receiver,
        },
    )


async def _run(program: Program) -> None:
    try:
        async with programs.running(program) as process:
            status = await process.wait()
    except OSError as error:
        said: dict[str, object] = {"error": str(error)}
    else:
        said = {"status": status, "said": program.last_line()}
    log.warning("%s has ended, and the demo goes on without it", program.name, extra=said)
