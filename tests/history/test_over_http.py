"""The observer behind a real reflector and a faulty API server: every count equals the account."""

import asyncio
import random
from pathlib import Path

from exporter.cluster.backoff import Backoff
from exporter.cluster.connection import Connection
from exporter.cluster.credentials import Kubeconfig
from exporter.cluster.reflector import Reflector
from exporter.history.ledger import Ledger
from exporter.history.observer import Observer
from exporter.simulator.apiserver import ApiServer
from factories import NAMESPACE
from history.test_account import accounted, counted, ended, remembered, world


async def test_streams_cut_and_events_sent_again_change_no_count(tmp_path: Path) -> None:
    clock, cluster, browsertrix = world(5)
    chaos = random.Random(5)
    browsertrix.crawls = 8
    ledger = Ledger.open(tmp_path / "history.db", clock=clock)
    observer = Observer(ledger, (NAMESPACE,), clock)
    async with ApiServer(cluster, bookmark_every=0.02) as server:
        connection = Connection(
            Kubeconfig([server.write_kubeconfig(tmp_path / "kubeconfig")], None)
        )
        await connection.renew()
        backoff = Backoff(first=0.01, most=0.02)
        reflector = Reflector(connection, NAMESPACE, observer, backoff=backoff)
        task = asyncio.create_task(reflector.run())

        async def caught_up() -> None:
            async with asyncio.timeout(30):
                while int(ledger.memory.positions.get(NAMESPACE, 0)) < cluster.resource_version:
                    await asyncio.sleep(0.005)

        faults = (
            lambda: server.faults.cut("clean"),
            lambda: server.faults.cut("mid-line"),
            lambda: server.faults.resend(40),
            lambda: server.faults.duplicate(5),
            server.faults.garbage,
        )
        await caught_up()  # what happened before the first list is not counted by anybody
        browsertrix.step(clock.now)
        while browsertrix.next_due is not None:
            for _ in range(150):
                if browsertrix.next_due is not None:
                    clock.now = browsertrix.next_due
                    browsertrix.step(clock.now)
            if len(browsertrix.account.finished) >= 10:
                browsertrix.crawls = 0
            await caught_up()
            chaos.choice(faults)()
            if chaos.random() < 0.3:
                server.faults.expire_streams()
                cluster.advance()
                await caught_up()  # what happens between a 410 and the list is lost
        await caught_up()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await connection.close()
    assert counted(ledger) == accounted(browsertrix.account)
    assert remembered(ledger) == ended(browsertrix.account)
    ledger.close()
