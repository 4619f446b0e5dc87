"""Calls of metacontroller's, over HTTP: what they bring, and what is answered."""

import asyncio
import errno
import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.crawls import Crawl
from exporter.metacontroller import Calls, Hook, Hooks, HookSettings, Record
from exporter.metacontroller.hooks import RELEASE_AFTER
from support.claim_factories import claim_wire
from support.crawl_history import OVER
from support.factories import NAMESPACE
from support.hooked import PERIOD, Hooked, decorated, deleted_wire, job_wire
from support.pod_factories import pod_wire
from support.waiting import until


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


async def known_alive(path: Path, *uids: str) -> None:
    """An earlier life, which was told of these crawls."""
    async with Hooked(path) as hooked:
        for uid in uids:
            await hooked.sync(job_wire(uid))
        hooked.after(PERIOD)
        hooked.ledger.flush()


def crawls(hooked: Hooked) -> list[Crawl]:
    return [change.after for change in hooked.seen.changes if change.after is not None]


async def test_a_sync_is_a_change_and_leaves_the_cluster_as_it_is(path: Path) -> None:
    async with Hooked(path) as hooked:
        assert await hooked.sync(job_wire("a")) == {
            "attachments": [],
            "resyncAfterSeconds": PERIOD,
        }
        (crawl,) = crawls(hooked)
        assert crawl.job.metadata.uid == "a"


async def test_what_is_related_is_there_with_the_crawl(path: Path) -> None:
    labels = {"crawl": "manual-a"}
    pod, claim = pod_wire("p", crawl="manual-a"), claim_wire("v", crawl="manual-a")
    async with Hooked(path) as hooked:
        await hooked.sync(job_wire("a"), Pod=[pod], PersistentVolumeClaim=[claim])
        hooked.after(PERIOD / 2)
        await asyncio.sleep(0)
        crawl = crawls(hooked)[-1]
        assert [one.metadata.labels.crawl for one in hooked.pods.objects] == [labels["crawl"]]
        assert [one.metadata.name for one in hooked.volumes.objects] == ["v"]
        assert hooked.pods.vouches
        assert len(crawl.pods or ()) == 1
        await hooked.sync(job_wire("a"), Pod=[], PersistentVolumeClaim=[claim])
        assert list(hooked.pods.objects) == []


async def test_customize_asks_for_what_belongs_to_the_crawl(path: Path) -> None:
    async with Hooked(path) as hooked:
        asked = await hooked.send("/customize", {"controller": {}, "parent": job_wire("a")})
    selector = {"matchLabels": {"crawl": "manual-a"}}
    assert asked.json == {
        "relatedResources": [
            {"apiVersion": "v1", "resource": resource, "labelSelector": selector}
            for resource in ("pods", "persistentvolumeclaims")
        ]
    }


async def test_an_older_sync_that_comes_late_undoes_nothing(path: Path) -> None:
    async with Hooked(path) as hooked:
        await hooked.sync(job_wire("a", 200), Pod=[pod_wire("p", crawl="manual-a")])
        await hooked.sync(job_wire("a", 150), Pod=[])
        assert [one.metadata.resource_version for one in hooked.jobs.objects] == ["200"]
        assert len(hooked.pods.objects) == 1
        assert hooked.hooks.requests["sync", "outdated"] == 1


async def test_an_older_sync_that_comes_after_the_release_brings_nothing_back(path: Path) -> None:
    related = {"Pod": [pod_wire("p", crawl="manual-a")]}
    async with Hooked(path) as hooked:
        await hooked.sync(job_wire("a", 200), **related)
        await hooked.finalize(deleted_wire("a", 202, status=OVER))
        before = dict(hooked.ledger.tallies.totals)
        await hooked.sync(job_wire("a", 201), **related)
        assert len(hooked.jobs.objects) == 0
        assert len(hooked.pods.objects) == 0, "nobody would tell that it is gone"
        assert dict(hooked.ledger.tallies.totals) == before
        assert hooked.hooks.requests["sync", "outdated"] == 1


async def test_concurrent_syncs_end_at_the_newest(path: Path) -> None:
    async with Hooked(path) as hooked:
        await asyncio.gather(*(hooked.sync(job_wire("a", one)) for one in (5, 9, 7, 8, 6)))
        assert [one.metadata.resource_version for one in hooked.jobs.objects] == ["9"]


async def test_an_object_outside_of_the_scopes_is_answered_and_ignored(path: Path) -> None:
    job = job_wire("a", metadata={"namespace": "elsewhere"})
    async with Hooked(path) as hooked:
        assert await hooked.sync(job) == {"attachments": [], "resyncAfterSeconds": PERIOD}
        assert (await hooked.finalize(job))["finalized"] is True
        assert hooked.seen.changes == []
        assert hooked.hooks.requests["sync", "ignored"] == 1


async def test_a_malformed_field_costs_that_field_alone(path: Path) -> None:
    async with Hooked(path) as hooked:
        await hooked.sync(job_wire("a", status={"filesAdded": "many"}))
        assert len(hooked.jobs.objects) == 1
        assert sum(hooked.jobs.problems.kinds.values()) == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"{", "not valid JSON"),
        (b"[]", "the body is no JSON object"),
        (b"{}", "object"),
        ({"object": []}, "object is no object"),
        ({"object": {}}, "object.metadata"),
        ({"parent": {"metadata": {}}}, "parent.metadata.name"),
        ({"object": {"metadata": {"name": "a"}}, "related": []}, "related"),
        ({"object": {"metadata": {"name": "a"}}, "attachments": {"Pod.v1": 1}}, "attachments"),
        ({"object": {"metadata": {"name": "a"}}, "related": {"Pod.v1": {"p": 1}}}, "related"),
    ],
)
@pytest.mark.parametrize("hook", list(Hook))
async def test_a_malformed_body_is_refused_by_the_name_of_its_field(
    path: Path, hook: Hook, body: Any, field: str
) -> None:
    async with Hooked(path) as hooked:
        answer = await hooked.send(f"/{hook.value}", body)
        assert answer.status == 400
        assert field in answer.text
        assert hooked.hooks.requests[hook.value, "refused"] == 1


async def test_only_post_and_only_json(path: Path) -> None:
    async with Hooked(path) as hooked:
        refused = await hooked.send("/sync", b"", method="GET")
        assert (refused.status, refused.headers["Allow"]) == (405, "OPTIONS, POST")
        plain = await hooked.send("/sync", b"{}", content_type="text/plain")
        assert plain.status == 415
        assert (await hooked.send("/metrics", b"{}")).status == 404


async def test_a_body_of_many_mebibytes_is_legal_and_one_too_long_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.web.hook_server.LONGEST_BODY", 9 * 1024 * 1024)
    job = job_wire("a", metadata={"annotations": {"note": "x" * (8 * 1024 * 1024)}})
    async with Hooked(path) as hooked:
        assert (await hooked.send("/sync", decorated(job))).status == 200
        job["metadata"]["annotations"]["note"] *= 2
        assert (await hooked.send("/sync", decorated(job))).status == 413


async def test_a_composite_controller_is_asked_to_come_again_which_changes_nothing(
    path: Path,
) -> None:
    job = job_wire("a")
    async with Hooked(path) as hooked:
        answer = await hooked.send("/sync", {"parent": job, "children": {}, "related": {}})
        assert (answer.status, answer.headers["Retry-After"]) == (429, "60")
        assert len(hooked.jobs.objects) == 1


# -- finalize


async def test_an_end_is_on_disk_before_its_crawl_is_released(path: Path) -> None:
    async with Hooked(path) as hooked:
        await hooked.sync(job_wire("a"))
        answer = await hooked.finalize(deleted_wire("a", status=OVER))
        assert answer == {"attachments": [], "finalized": True}
    async with Hooked(path) as killed_and_back:
        (finished,) = killed_and_back.ledger.finished_crawls.values()
        assert (finished.uid, finished.state) == ("a", "complete")
        assert finished.deleted_at is not None


async def test_a_crawl_first_seen_when_it_is_finalized_is_recorded_too(path: Path) -> None:
    async with Hooked(path) as hooked:
        await hooked.finalize(deleted_wire("a", status=OVER))
        assert [one.state for one in hooked.ledger.finished_crawls.values()] == ["complete"]


async def test_killed_between_the_commit_and_the_answer_an_end_counts_once(path: Path) -> None:
    async with Hooked(path) as hooked:
        await hooked.sync(job_wire("a"))
        await hooked.finalize(deleted_wire("a", status=OVER))
        before = dict(hooked.ledger.tallies.totals)
    async with Hooked(path) as hooked:
        for version in (101, 102, 102):
            answer = await hooked.finalize(deleted_wire("a", version, status=OVER))
            assert answer["finalized"] is True
        await hooked.sync(deleted_wire("a", 103, status=OVER))
        assert dict(hooked.ledger.tallies.totals) == before
        assert hooked.seen.changes == []


async def test_killed_before_the_commit_it_is_asked_for_again(path: Path) -> None:
    async with Hooked(path) as hooked:
        await hooked.sync(job_wire("a"))
        hooked.can_write = False
        assert (await hooked.finalize(deleted_wire("a", status=OVER)))["finalized"] is False
    async with Hooked(path) as hooked:
        assert (await hooked.finalize(deleted_wire("a", status=OVER)))["finalized"] is True
        assert len(hooked.ledger.finished_crawls) == 1


async def test_a_ledger_that_fails_keeps_a_crawl_ten_minutes_and_not_for_ever(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with Hooked(path) as hooked:
        await hooked.sync(job_wire("a"))
        hooked.can_write = False
        gone = deleted_wire("a", status=OVER)
        waiting = await hooked.finalize(gone)
        assert waiting == {"attachments": [], "finalized": False, "resyncAfterSeconds": 5.0}
        hooked.now += RELEASE_AFTER - 1
        assert (await hooked.finalize(gone))["finalized"] is False
        hooked.now += 1
        assert (await hooked.finalize(gone))["finalized"] is True
        assert hooked.hooks.unrecorded_releases == {"unwritten": 1, "unreadable": 0}
        assert "crawl manual-a in crawlers is released, and its end is not on disk" in caplog.text
        assert len(hooked.ledger.finished_crawls) == 1


async def test_a_ledger_that_can_be_written_again_releases_at_once(path: Path) -> None:
    async with Hooked(path) as hooked:
        hooked.can_write = False
        await hooked.finalize(deleted_wire("a", status=OVER))
        hooked.can_write = True
        assert (await hooked.finalize(deleted_wire("a", status=OVER)))["finalized"] is True
        assert hooked.hooks.unrecorded_releases.total() == 0


async def test_without_the_option_a_failing_ledger_keeps_nothing(path: Path) -> None:
    async with Hooked(path, finalize=False) as hooked:
        hooked.can_write = False
        assert (await hooked.finalize(deleted_wire("a", status=OVER)))["finalized"] is True


async def test_a_state_that_the_operator_writes_at_the_end_is_waited_for(path: Path) -> None:
    theirs = {"finalizers": ["metacontroller.io/compositecontroller-crawljobs-operator"]}
    async with Hooked(path) as hooked:
        await hooked.sync(job_wire("a"))
        assert not (await hooked.finalize(deleted_wire("a", metadata=theirs)))["finalized"]
        canceled = {"state": "canceled", "finished": "2025-05-21T12:04:00Z"}
        assert (await hooked.finalize(deleted_wire("a", 102, status=canceled)))["finalized"]
        assert [one.state for one in hooked.ledger.finished_crawls.values()] == ["canceled"]


async def test_a_power_cut_after_the_answer_loses_no_end(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was committed is synced, the WAL and the directory that it is in, before the answer."""
    synced: list[str] = []
    sync = os.fsync

    def noting(file: int) -> None:
        synced.append(Path(f"/proc/self/fd/{file}").readlink().name)
        sync(file)

    async with Hooked(path) as hooked:
        await hooked.sync(job_wire("a"))
        monkeypatch.setattr(os, "fsync", noting)
        assert (await hooked.finalize(deleted_wire("a", status=OVER)))["finalized"] is True
        assert synced == ["history.db-wal", path.parent.name]


async def test_what_a_killed_process_committed_is_synced_before_it_counts(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Hooked(path) as hooked:
        await hooked.sync(deleted_wire("a", status=OVER))
        hooked.ledger.flush()
    waited: list[Path] = []
    monkeypatch.setattr("exporter.history.ledger_file.sync_wal", waited.append)
    async with Hooked(path) as hooked:
        assert (await hooked.finalize(deleted_wire("a", status=OVER)))["finalized"] is True
        assert waited == [path]


async def test_a_disk_that_hangs_is_answered_in_time_and_holds_up_no_other_call(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    free = threading.Event()
    waits: list[Path] = []

    def hang(ledger: Path) -> None:
        waits.append(ledger)
        assert free.wait(30)

    monkeypatch.setattr("exporter.metacontroller.hooks.ANSWER_WITHIN", 0.2)
    monkeypatch.setattr("exporter.history.ledger_file.sync_wal", hang)
    async with Hooked(path) as hooked:
        await hooked.sync(job_wire("b"))
        first = asyncio.create_task(hooked.finalize(deleted_wire("a", status=OVER)))
        await until(lambda: bool(waits))
        assert (await hooked.sync(job_wire("b", 102)))["resyncAfterSeconds"] == PERIOD
        assert (await first)["finalized"] is False
        again = await hooked.finalize(deleted_wire("a", status=OVER))
        assert again == {"attachments": [], "finalized": False, "resyncAfterSeconds": 5.0}
        assert len(waits) == 1, "the second waits for the same"
        assert "the disk of the ledger needs more than 0.2 s for a write" in caplog.text
        free.set()
        assert (await hooked.finalize(deleted_wire("a", status=OVER)))["finalized"] is True
        assert hooked.hooks.unrecorded_releases.total() == 0


async def test_a_sync_that_failed_is_not_believed_when_the_next_succeeds(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel drops what it could not write, and the next fsync knows nothing of it."""

    def fail(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    async with Hooked(path) as hooked:
        await hooked.sync(job_wire("a"))
        with monkeypatch.context() as context:
            context.setattr(os, "fsync", fail)
            assert (await hooked.finalize(deleted_wire("a", status=OVER)))["finalized"] is False
            assert hooked.ledger.file_status.last_error is not None
            assert "Input/output error" in hooked.ledger.file_status.last_error
        writes = hooked.ledger.file_status.writes
        hooked.ledger._file.retry_at_once()
        assert (await hooked.finalize(deleted_wire("a", status=OVER)))["finalized"] is True
        assert hooked.ledger.file_status.writes == writes + 1, "all of it is written again"


async def test_a_crawl_that_cannot_be_read_is_released_and_said_so(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """None is known that could not; its reader gives up where repairs of fields do not help."""
    async with Hooked(path) as hooked:
        await hooked.sync(job_wire("a"))
        monkeypatch.setattr(hooked.jobs, "read", lambda _: None)
        assert (await hooked.finalize(deleted_wire("a")))["finalized"] is True
        assert hooked.hooks.unrecorded_releases == {"unwritten": 0, "unreadable": 1}
        assert "how it ended is not recorded: it cannot be read" in caplog.text
        assert [one.uid for one in hooked.ledger.finished_crawls.values()] == ["a"], "it vanished"


async def test_a_crawl_that_the_selector_leaves_out_is_forgotten_and_has_not_ended(
    path: Path,
) -> None:
    async with Hooked(path) as hooked:
        await hooked.sync(job_wire("a"), Pod=[pod_wire("p", crawl="manual-a")])
        unselected = job_wire("a", 102)
        assert (await hooked.finalize(unselected))["finalized"] is True
        assert (await hooked.finalize(unselected))["finalized"] is True
        await hooked.sync(job_wire("a", 101))
        assert list(hooked.jobs.objects) == [], "an older call that comes late brings nothing back"
        assert list(hooked.pods.objects) == []
        assert dict(hooked.ledger.finished_crawls) == {}
        before = dict(hooked.ledger.tallies.totals)
        await hooked.sync(job_wire("a", 103))
        assert len(hooked.jobs.objects) == 1, "the label is back"
        assert (await hooked.finalize(deleted_wire("a", 104, status=OVER)))["finalized"] is True
        assert [one.state for one in hooked.ledger.finished_crawls.values()] == ["complete"]
        assert dict(hooked.ledger.tallies.totals) != before


async def test_a_finished_crawl_that_the_selector_leaves_out_expires_as_others_do(
    path: Path,
) -> None:
    async with Hooked(path) as hooked:
        await hooked.sync(job_wire("a", status=OVER))
        await hooked.finalize(job_wire("a", 102, status=OVER))
        (finished,) = hooked.ledger.finished_crawls.values()
        assert finished.deleted_at is not None


# -- rounds


async def test_the_first_round_is_over_once_all_known_alive_were_told(path: Path) -> None:
    await known_alive(path, "a", "b")
    async with Hooked(path) as hooked:
        await hooked.sync(job_wire("a"))
        hooked.after(30)
        assert not hooked.jobs.synced
        await hooked.sync(job_wire("b"))
        hooked.after(5)
        assert hooked.jobs.synced
        assert hooked.seen.synced == [(NAMESPACE, "")]
        assert len(hooked.ledger.finished_crawls) == 0


async def test_who_is_not_told_in_the_first_round_has_vanished(path: Path) -> None:
    await known_alive(path, "a", "b")
    async with Hooked(path) as hooked:
        await hooked.sync(job_wire("a"))
        hooked.after(2 * PERIOD - 1)
        assert not hooked.jobs.synced, "metacontroller may be a resync behind"
        hooked.after(1)
        assert hooked.jobs.synced
        assert [one.uid for one in hooked.ledger.finished_crawls.values()] == ["b"]


async def test_who_was_alive_has_not_vanished_while_nobody_calls(path: Path) -> None:
    await known_alive(path, "a")
    async with Hooked(path) as hooked:
        hooked.after(2 * PERIOD - 1)
        assert hooked.hooks.waits(hooked.now)
        hooked.after(1)
        assert not hooked.hooks.waits(hooked.now), "it is ready, with what it has: nothing"
        hooked.after(100 * PERIOD)
        assert not hooked.jobs.vouches
        assert hooked.jobs.last_error == "metacontroller has not called yet"
        assert len(hooked.ledger.finished_crawls) == 0
        await hooked.heartbeat()
        hooked.after(2 * PERIOD - 1)
        assert not hooked.jobs.synced, "metacontroller may be a resync behind"
        await hooked.sync(job_wire("a"))
        hooked.after(5)
        assert hooked.jobs.synced
        assert len(hooked.ledger.finished_crawls) == 0


async def test_with_a_heartbeat_nobody_to_be_told_is_known(path: Path) -> None:
    async with Hooked(path) as hooked:
        await hooked.heartbeat()
        assert hooked.hooks.waits(hooked.now), "somebody calls, and the first round is not over"
        hooked.after(5)
        assert hooked.jobs.vouches
        hooked.after(3 * PERIOD)
        assert not hooked.jobs.vouches, "who calls about nothing any more is silent"
        await hooked.heartbeat()
        hooked.after(1)
        assert hooked.jobs.vouches


async def test_a_heartbeat_before_any_crawl_is_told_ends_no_round_at_once(path: Path) -> None:
    async with Hooked(path) as hooked:
        hooked.after(PERIOD)
        await hooked.heartbeat()
        hooked.after(4)
        assert not hooked.jobs.synced
        await hooked.sync(job_wire("a"))
        hooked.after(5)
        assert hooked.jobs.synced
        assert len(hooked.jobs.objects) == 1


async def test_with_a_heartbeat_the_last_crawl_vanishes_when_it_is_not_told(path: Path) -> None:
    async with Hooked(path) as hooked:
        await hooked.sync(job_wire("a"))
        for _ in range(5):
            await hooked.heartbeat()
            hooked.after(PERIOD - 1)
        assert list(hooked.jobs.objects) == []
        assert [one.uid for one in hooked.ledger.finished_crawls.values()] == ["a"]
        assert hooked.jobs.vouches


async def test_without_a_heartbeat_the_last_crawl_goes_quietly_once_it_has_ended(
    path: Path,
) -> None:
    async with Hooked(path, finalize=False) as hooked:
        await hooked.sync(job_wire("a"))
        hooked.after(5)
        await hooked.sync(job_wire("a", 101, status=OVER))
        hooked.after(3 * PERIOD)
        assert len(hooked.jobs.objects) == 1
        hooked.after(1)
        assert list(hooked.jobs.objects) == []
        assert hooked.jobs.vouches
        (finished,) = hooked.ledger.finished_crawls.values()
        assert finished.state == "complete"


async def test_who_is_not_told_while_others_are_has_vanished(path: Path) -> None:
    async with Hooked(path) as hooked:
        await hooked.sync(job_wire("b"))
        for _ in range(5):
            await hooked.sync(job_wire("a"))
            hooked.after(PERIOD - 1)
        assert [one.metadata.uid for one in hooked.jobs.objects] == ["a"]
        assert [one.uid for one in hooked.ledger.finished_crawls.values()] == ["b"]
        await hooked.sync(job_wire("b", 101))
        assert len(hooked.ledger.finished_crawls) == 0, "it is there after all"


async def test_silence_is_no_end_of_anything(path: Path) -> None:
    async with Hooked(path) as hooked:
        for uid in ("a", "b"):
            await hooked.sync(job_wire(uid), Pod=[], PersistentVolumeClaim=[])
        hooked.after(PERIOD)
        assert hooked.jobs.vouches
        assert hooked.pods.vouches
        last = hooked.jobs.stats.last_sync
        hooked.after(10 * PERIOD)
        assert not hooked.jobs.vouches
        assert not hooked.pods.vouches
        assert hooked.jobs.last_error == "metacontroller does not call any more"
        assert hooked.jobs.stats.last_sync == last
        await hooked.sync(job_wire("a"), Pod=[], PersistentVolumeClaim=[])
        hooked.after(PERIOD - 1)
        assert hooked.jobs.vouches
        assert len(hooked.jobs.objects) == 2, "it has three periods from the first call on"


# -- never


async def _true() -> bool:
    return True


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
_OBJECT = st.dictionaries(st.text(max_size=5), _JSON, max_size=3).map(
    lambda more: {**more, "kind": "CrawlJob", "metadata": {"name": "a", "namespace": NAMESPACE}}
)


@given(_OBJECT, st.lists(_OBJECT, max_size=3), st.sampled_from([Hook.SYNC, Hook.FINALIZE]))
def test_no_answer_to_a_decorator_changes_the_cluster(
    job: dict[str, Any], attachments: list[dict[str, Any]], hook: Hook
) -> None:
    record = Record(_true, lambda _: False, lambda _: None)
    hooks = Hooks(HookSettings(PERIOD), record, Calls(PERIOD, 0.0))
    group = {str(number): one for number, one in enumerate(attachments)}
    body = {"object": job, "attachments": {"Pod.v1": group}}
    answer = asyncio.run(hooks.call(hook, json.dumps(body).encode())).json
    assert answer is not None
    assert answer["attachments"] == attachments
    assert set(answer) <= {"attachments", "resyncAfterSeconds", "finalized"}
