"""Hooks that are down for ten minutes, with a finalizer: every end waits, and is told once.

Ten minutes pass in the simulator, and by the exporter's clock, in a second of the test. Only one
thing depends on how long it was: metacontroller tries again ever less often, though each resync
period at least; here after a tenth of a second, for it has no clock but the real one.
"""

from collections import Counter
from pathlib import Path

from exporter.commands.demo.programs import free_port
from exporter.history.reading import events
from exporter.simulator import Browsertrix, Cluster
from exporter.simulator.metacontroller import DecoratorController, Spec
from support.crawl_history import Clock
from support.crawl_writes import patch_status
from support.factories import NAMESPACE, crawljob
from support.ground_truth import START, expected_ends, remembered
from support.hooked import PERIOD, Hooked
from support.waiting import until

DOWN = 600.0
"""Seconds."""
CRAWLS = 30


async def test_ends_of_ten_minutes_wait_for_the_hook_and_each_is_told_once(tmp_path: Path) -> None:
    path, port = tmp_path / "history.db", free_port()
    clock = Clock(START)
    cluster = Cluster(clock=clock)
    browsertrix = Browsertrix(cluster, seed=5, speed=10, clock=clock, sync_every=600)
    ended = browsertrix.ground_truth.finished
    spec = Spec(
        hook_url=f"http://127.0.0.1:{port}",
        finalize=True,
        resync_period=10**6,
        longest_backoff=0.1,
    )
    async with DecoratorController(cluster, spec) as controller:
        async with Hooked(path, port=port, clock=clock) as hooked:
            for number in range(CRAWLS):
                # From a minute to half an hour of real time.
                browsertrix.start("completes", work=600 + number * 600)
            browsertrix.start("is_canceled", work=1200)
            await until(lambda: controller.is_idle and len(hooked.jobs.objects) == CRAWLS + 1)
            hooked.after(PERIOD)
            assert hooked.jobs.synced

        # It is killed, and back after ten minutes.
        clock.now += DOWN
        browsertrix.step(clock.now)
        while any(crawl.is_over for crawl in browsertrix.active.values()):
            clock.now += 1  # until Browsertrix is through with those that have ended
            browsertrix.step(clock.now)
        failures = controller.failures
        assert 5 < len(ended) < CRAWLS
        await until(lambda: controller.failures > failures + 2 * len(ended))
        over = [one for one in cluster.objects() if one["metadata"]["uid"] in ended]
        assert len(over) == len(ended), "Kubernetes deletes none of them"
        assert {tuple(one["metadata"]["finalizers"]) for one in over} == {(spec.finalizer,)}

        async with Hooked(path, port=port, clock=clock) as hooked:
            await until(lambda: cluster.count() == CRAWLS + 1 - len(ended))
            assert remembered(hooked.ledger) == expected_ends(browsertrix.ground_truth)
            told = hooked.hooks.requests["finalize", "taken"]
            assert told == len(ended)
            # All that were known alive have been told of: nothing is left to wait for.
            await until(lambda: len(hooked.jobs.objects) == cluster.count())
            hooked.after(PERIOD / 4)
            assert hooked.jobs.synced
            assert len(hooked.ledger.finished_crawls) == len(ended), "nobody has vanished"
            hooked.ledger.flush()
    emitted = Counter(one.uid for one in events(path) if one.kind == "finished")
    assert emitted == dict.fromkeys(ended, 1)
    assert not [one for one in events(path) if one.kind == "vanished"]


async def test_after_ten_minutes_it_is_ready_in_time_though_a_crawl_is_never_told_of(
    tmp_path: Path,
) -> None:
    """One that somebody took the finalizer off: nobody will ever call about it."""
    path, port = tmp_path / "history.db", free_port()
    cluster = Cluster()
    for crawl in ("goes", "stays"):
        cluster.create(crawljob(crawl=crawl))
    spec = Spec(hook_url=f"http://127.0.0.1:{port}", finalize=True, longest_backoff=0.1)
    async with DecoratorController(cluster, spec):
        async with Hooked(path, port=port) as hooked:
            await until(lambda: len(hooked.jobs.objects) == 2)
            hooked.after(PERIOD)
        cluster.patch(NAMESPACE, "crawljob-goes", {"metadata": {"finalizers": None}})
        cluster.delete(NAMESPACE, "crawljob-goes")
        async with Hooked(path, port=port) as hooked:
            patch_status(cluster, "stays", pagesDone=7)
            await until(lambda: len(hooked.jobs.objects) == 1)
            hooked.after(2 * PERIOD - 1)
            assert not hooked.jobs.synced, "metacontroller may be a resync behind"
            hooked.after(1)
            assert hooked.jobs.synced
            assert [one.crawl for one in hooked.ledger.finished_crawls.values()] == ["goes"]
