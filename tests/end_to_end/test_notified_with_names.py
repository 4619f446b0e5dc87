"""From Browsertrix's own API to the notification: names are in its text, once, whoever sends it.

The simulator is the cluster, and Browsertrix's API; the rest is real: the exporter, which asks both
and posts, Prometheus with the committed rules (but names are looked up every second, not once a
minute, so that nobody waits for them), and Alertmanager with the committed routes and templates.
"""

import re
import time
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from exporter.commands.demo.configurations import RULES, prometheus_config, shipped
from exporter.commands.demo.receiver import receiver
from exporter.simulator import ApiServer, Cluster
from exporter.simulator.apiserver.encoding import stamp
from support.alertmanager import alertmanager, event_alerts_in, flushed_again, routes_by_crawl
from support.crawl_writes import patch_status
from support.exporter_process import CRAWLJOBS_ALONE, Start
from support.factories import NAMESPACE, OID, crawljob
from support.inbox import Inbox
from support.prometheus import Prometheus, prometheus
from support.simulated_browsertrix import (
    ORGANISATION,
    PASSWORD,
    SLUG,
    WORKFLOW,
    assert_nothing_private,
    login,
    outputs,
    simulated_browsertrix,
)
from support.tools import Edition
from support.waiting import PROCESS_TIMEOUT, until

pytestmark = pytest.mark.slow("waits for processes", waits=True)

CRAWL: Final = "manual-1"
FAILED: Final = "BrowsertrixCrawlFailed"
WITH_NAMES: Final = {
    "/metrics",
    "/",
    "/api/v1/crawls",
    "/api/v1/finished",
    "/api/v1/events",
    "ledger",
    "notification",
}
"""Where names are put; not into the log."""
NAMES_GROUP: Final = "browsertrix-names"


def rules_that_look_up_at_once(folder: Path) -> Path:
    """The committed rules, with one interval shorter."""
    rules = yaml.safe_load(shipped(RULES).read_text(encoding="utf-8"))
    (group,) = (one for one in rules["groups"] if one["name"] == NAMES_GROUP)
    group["interval"] = "1s"
    file = folder / "rules.yaml"
    file.write_text(yaml.safe_dump(rules), encoding="utf-8")
    return file


async def until_posted_and_fired(url: str, prom: Prometheus) -> dict[str, Any]:
    """Wait until Alertmanager has the alert from both; returns it."""
    found: list[dict[str, Any]] = []

    async def has_come_both_ways() -> bool:
        nonlocal found
        found = await event_alerts_in(url)
        return len(found) == 1 and bool(found[0].get("generatorURL"))

    await until(
        has_come_both_ways,
        every=0.2,
        within=PROCESS_TIMEOUT,
        otherwise=lambda: f"{found}; log:\n{prom.log.read_text()[-3000:]}",
    )
    (alert,) = found
    return alert


@pytest.mark.parametrize("named", [True, False], ids=["names", "no names"])
async def test_the_notification_has_names_once_from_rules_and_push_together(
    server: ApiServer,
    cluster: Cluster,
    start: Start,
    edition: Edition,
    tmp_path: Path,
    *,
    named: bool,
) -> None:
    edition.require("prometheus")
    inbox = Inbox("alertname", "crawl")
    job = crawljob(crawl=CRAWL)
    cluster.create(job)
    password, ledger = tmp_path / "password", tmp_path / "history.db"
    password.write_text(PASSWORD, encoding="utf-8")
    async with simulated_browsertrix() as api, receiver(inbox.take) as webhook:
        api.database.add_crawljob(job)
        with alertmanager(edition, routes_by_crawl(webhook), tmp_path) as url:
            exporter = await start(
                server.write_kubeconfig(tmp_path / "kubeconfig"),
                *("--alertmanager.url", url, "--history.path", str(ledger), "--log.level=debug"),
                *login(api, password),
                *(() if named else ("--no-browsertrix.names",)),
                *CRAWLJOBS_ALONE,
            )
            watching = prometheus_config(
                [exporter.url], "1s", rules=rules_that_look_up_at_once(tmp_path), alertmanager=url
            )
            async with prometheus(edition, watching, tmp_path) as prom:
                of = f'crawl="{CRAWL}",workflow="{WORKFLOW if named else ""}"'
                await prom.until('browsertrix_exporter_source_up{source="workflows"}', 1)
                await prom.until(f"count(crawl:browsertrix_crawl_names:info{{{of}}})", 1)

                patch_status(cluster, CRAWL, state="failed", finished=stamp(time.time()))

                await inbox.first(FAILED, CRAWL)
                alert = await until_posted_and_fired(url, prom)
                await flushed_again(url, 2)
            found = await outputs(exporter, ledger)

    whose = f"{WORKFLOW} ({ORGANISATION})" if named else f"organisation {OID}"
    (notification,) = inbox.notifications
    assert notification.labels == {
        "alertname": FAILED,
        "severity": "warning",
        "event": "true",
        "namespace": NAMESPACE,
        "oid": OID,
        "crawl": CRAWL,
    }
    assert (
        f"Crawl {CRAWL} of {whose} in {NAMESPACE} failed" in notification.annotations["description"]
    )
    # The rule says the same as the post: Alertmanager shows the one that came last.
    assert alert["annotations"] == notification.annotations
    assert alert["labels"] == notification.labels
    assert notification.annotations["subject"] == (whose if named else CRAWL)
    found["notification"] = str(notification)
    names = re.compile(f"{WORKFLOW}|{ORGANISATION}|{SLUG}")
    said = {where for where, text in found.items() if names.search(text)}
    assert said == (WITH_NAMES if named else set())
    assert_nothing_private(found)
