"""What is held of a scope, and what is emitted of it."""

from typing import Any

import pytest

from exporter.cluster.changes import Change
from exporter.cluster.object_cache import ObjectCache, is_newer, is_older
from exporter.cluster.problems import Problems
from exporter.resources.crawljob import CrawlJob, parse_value
from exporter.resources.crawljob.resource import CRAWLJOB_RESOURCE
from exporter.resources.identity import key_of
from support.factories import crawljob


class Recorder:
    """A handler that keeps the changes, and accepts nothing else."""

    def __init__(self) -> None:
        self.changes: list[Change[CrawlJob]] = []

    def on_change(self, change: Change[CrawlJob]) -> None:
        self.changes.append(change)

    def on_synced(self, scope: str, resource_version: str) -> None:
        raise AssertionError((scope, resource_version))

    def on_bookmark(self, scope: str, resource_version: str) -> None:
        raise AssertionError((scope, resource_version))

    def versions(self) -> list[tuple[str, str, str]]:
        """Of (before, after), and whether it was deleted."""
        return [
            (version(change.before), version(change.after), "deleted" if change.deleted else "")
            for change in self.changes
        ]


def version(job: CrawlJob | None) -> str:
    return "-" if job is None else job.metadata.resource_version or ""


def job(resource_version: str, uid: str = "u1", **more: Any) -> CrawlJob:
    return parse_value(crawljob(metadata={"resourceVersion": resource_version, "uid": uid}, **more))


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def cache(recorder: Recorder) -> ObjectCache[CrawlJob]:
    return ObjectCache("crawlers", recorder, Problems(CRAWLJOB_RESOURCE))


def test_a_change_carries_what_was_known_before(
    cache: ObjectCache[CrawlJob], recorder: Recorder
) -> None:
    assert cache.upsert(job("5"))
    assert cache.upsert(job("6"))
    assert cache.delete(job("7"))
    assert recorder.versions() == [("-", "5", ""), ("5", "6", ""), ("6", "7", "deleted")]
    assert len(cache) == 0


@pytest.mark.parametrize("old", ["6", "5", "1"])
def test_a_stale_event_is_ignored(
    cache: ObjectCache[CrawlJob], recorder: Recorder, old: str
) -> None:
    cache.upsert(job("6"))
    assert not cache.upsert(job(old))
    assert recorder.versions() == [("-", "6", "")]


def test_versions_are_compared_as_numbers(cache: ObjectCache[CrawlJob]) -> None:
    cache.upsert(job("99"))
    assert cache.upsert(job("100"))


def test_versions_that_are_no_numbers_are_taken_as_they_come(
    cache: ObjectCache[CrawlJob], recorder: Recorder
) -> None:
    cache.upsert(job("abc"))
    assert cache.upsert(job("abb"))
    assert not cache.upsert(job("abb"))
    assert len(recorder.changes) == 2


def test_a_stale_event_does_not_bring_back_a_deleted_object(
    cache: ObjectCache[CrawlJob], recorder: Recorder
) -> None:
    cache.upsert(job("5"), "4")
    cache.delete(job("7"), "5")
    assert not cache.upsert(job("6"), "7")
    assert not cache.delete(job("7"), "7")
    assert recorder.versions() == [("-", "5", ""), ("5", "7", "deleted")]


def test_a_deletion_of_an_object_never_seen_is_emitted(
    cache: ObjectCache[CrawlJob], recorder: Recorder
) -> None:
    assert cache.delete(job("7"), "5")
    assert recorder.versions() == [("-", "7", "deleted")]


def test_a_stale_deletion_does_not_remove_what_is_newer(cache: ObjectCache[CrawlJob]) -> None:
    cache.upsert(job("9"))
    assert not cache.delete(job("7"))
    assert len(cache) == 1


def test_a_deletion_at_the_version_of_the_last_change_counts(
    cache: ObjectCache[CrawlJob], recorder: Recorder
) -> None:
    cache.upsert(job("5"))
    assert cache.delete(job("5"))
    assert recorder.versions()[-1] == ("5", "5", "deleted")


def test_a_name_reused_by_a_new_uid_is_a_deletion_and_an_addition(
    cache: ObjectCache[CrawlJob], recorder: Recorder
) -> None:
    cache.upsert(job("5", "first"))
    cache.upsert(job("8", "second"))
    assert recorder.versions() == [("-", "5", ""), ("5", "-", "deleted"), ("-", "8", "")]


def test_the_final_state_of_an_unseen_namesake_deletes_both(
    cache: ObjectCache[CrawlJob], recorder: Recorder
) -> None:
    cache.upsert(job("5", "first"))
    assert cache.delete(job("8", "second"))
    assert recorder.versions() == [("-", "5", ""), ("5", "-", "deleted"), ("-", "8", "deleted")]
    assert len(cache) == 0


def test_a_late_deletion_of_the_namesake_before_is_ignored(cache: ObjectCache[CrawlJob]) -> None:
    cache.upsert(job("8", "second"))
    assert not cache.delete(job("7", "first"))
    assert len(cache) == 1


def test_after_a_restored_backup_older_versions_are_taken(
    cache: ObjectCache[CrawlJob], recorder: Recorder
) -> None:
    cache.upsert(job("90", uid="u1"))
    cache.upsert(parse_value(crawljob(crawl="other", metadata={"resourceVersion": "20"})))
    assert cache.upsert(job("40"), rewound=True)
    assert cache.upsert(
        parse_value(crawljob(crawl="other", metadata={"resourceVersion": "20"})), rewound=True
    )
    assert recorder.versions() == [("-", "90", ""), ("-", "20", ""), ("90", "40", "")]


def test_what_a_relist_does_not_show_has_vanished(
    cache: ObjectCache[CrawlJob], recorder: Recorder
) -> None:
    stays, goes = (parse_value(crawljob(crawl=crawl)) for crawl in ("stays", "goes"))
    cache.upsert(stays)
    cache.upsert(goes)
    (key,) = cache.keys_except({key_of(stays)})
    cache.vanished(key)
    cache.vanished(key)
    assert recorder.changes[2:] == [Change("crawlers", goes, None, deleted=True)]
    assert len(cache) == 1


def test_keys_are_found_by_uid(cache: ObjectCache[CrawlJob]) -> None:
    for crawl in ("a", "b"):
        cache.upsert(parse_value(crawljob(crawl=crawl)))
    assert cache.keys_of({"uid-crawlers-b", "unheard-of"}) == [("crawlers", "crawljob-b")]
    assert cache.keys_of(set()) == []


def test_the_same_name_in_two_namespaces_is_two_objects(cache: ObjectCache[CrawlJob]) -> None:
    cache.upsert(parse_value(crawljob(namespace="one")))
    cache.upsert(parse_value(crawljob(namespace="two")))
    assert len(cache) == 2


@pytest.mark.parametrize(
    ("one", "other", "newer", "older"),
    [
        ("2", "1", True, False),
        ("1", "2", False, True),
        ("2", "2", False, False),
        ("10", "9", True, False),
        ("b", "a", True, False),
        ("a", "a", False, False),
        ("", "5", True, False),
        ("5", "", True, False),
        ("²", "1", True, False),
        ("9" * 5000, "1", True, False),
    ],
)
def test_versions(one: str, other: str, newer: bool, older: bool) -> None:
    assert is_newer(one, other) is newer
    assert is_older(one, other) is older
