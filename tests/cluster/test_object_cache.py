"""What is held of a scope, and what is told of it."""

from typing import Any

import pytest

from exporter.cluster.changes import Change
from exporter.cluster.object_cache import ObjectCache, is_newer, is_older
from exporter.cluster.problems import Problems
from exporter.resources.crawljob import CrawlJob, parse_value
from exporter.resources.identity import key_of
from support.factories import crawljob


class Told:
    """A handler that writes down what it is told."""

    def __init__(self) -> None:
        self.changes: list[Change[CrawlJob]] = []

    def on_change(self, change: Change[CrawlJob]) -> None:
        self.changes.append(change)

    def on_synced(self, scope: str, resource_version: str) -> None:
        raise AssertionError((scope, resource_version))

    def on_bookmark(self, scope: str, resource_version: str) -> None:
        raise AssertionError((scope, resource_version))

    def words(self) -> list[tuple[str, str, str]]:
        """(before, after, gone) as versions, for short."""
        return [
            (version(change.before), version(change.after), "gone" if change.deleted else "")
            for change in self.changes
        ]


def version(job: CrawlJob | None) -> str:
    return "-" if job is None else job.metadata.resource_version or ""


def job(resource_version: str, uid: str = "u1", **more: Any) -> CrawlJob:
    return parse_value(crawljob(metadata={"resourceVersion": resource_version, "uid": uid}, **more))


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def content(told: Told) -> ObjectCache:
    return ObjectCache("crawlers", told, Problems())


def test_an_object_is_told_with_what_was_known_before(content: ObjectCache, told: Told) -> None:
    assert content.upsert(job("5"))
    assert content.upsert(job("6"))
    assert content.delete(job("7"))
    assert told.words() == [("-", "5", ""), ("5", "6", ""), ("6", "7", "gone")]
    assert len(content) == 0


@pytest.mark.parametrize("old", ["6", "5", "1"])
def test_an_event_no_newer_than_what_is_held_is_ignored(
    content: ObjectCache, told: Told, old: str
) -> None:
    content.upsert(job("6"))
    assert not content.upsert(job(old))
    assert told.words() == [("-", "6", "")]


def test_versions_are_compared_as_numbers(content: ObjectCache) -> None:
    content.upsert(job("99"))
    assert content.upsert(job("100"))


def test_versions_that_are_no_numbers_are_taken_as_they_come(
    content: ObjectCache, told: Told
) -> None:
    content.upsert(job("abc"))
    assert content.upsert(job("abb"))
    assert not content.upsert(job("abb"))
    assert len(told.changes) == 2


def test_an_old_event_does_not_raise_the_dead(content: ObjectCache, told: Told) -> None:
    content.upsert(job("5"), "4")
    content.delete(job("7"), "5")
    assert not content.upsert(job("6"), "7")
    assert not content.delete(job("7"), "7")
    assert told.words() == [("-", "5", ""), ("5", "7", "gone")]


def test_a_deletion_of_an_object_never_seen_is_passed_on(content: ObjectCache, told: Told) -> None:
    assert content.delete(job("7"), "5")
    assert told.words() == [("-", "7", "gone")]


def test_an_old_deletion_does_not_remove_what_is_newer(content: ObjectCache) -> None:
    content.upsert(job("9"))
    assert not content.delete(job("7"))
    assert len(content) == 1


def test_a_deletion_at_the_version_of_the_last_change_counts(
    content: ObjectCache, told: Told
) -> None:
    content.upsert(job("5"))
    assert content.delete(job("5"))
    assert told.words()[-1] == ("5", "5", "gone")


def test_a_name_given_to_a_new_uid_is_an_end_and_a_beginning(
    content: ObjectCache, told: Told
) -> None:
    content.upsert(job("5", "first"))
    content.upsert(job("8", "second"))
    assert told.words() == [("-", "5", ""), ("5", "-", "gone"), ("-", "8", "")]


def test_the_last_words_of_an_unseen_namesake_end_both(content: ObjectCache, told: Told) -> None:
    content.upsert(job("5", "first"))
    assert content.delete(job("8", "second"))
    assert told.words() == [("-", "5", ""), ("5", "-", "gone"), ("-", "8", "gone")]
    assert len(content) == 0


def test_a_late_deletion_of_the_namesake_before_is_ignored(content: ObjectCache) -> None:
    content.upsert(job("8", "second"))
    assert not content.delete(job("7", "first"))
    assert len(content) == 1


def test_after_a_restored_backup_older_versions_are_the_truth(
    content: ObjectCache, told: Told
) -> None:
    content.upsert(job("90", uid="u1"))
    content.upsert(parse_value(crawljob(crawl="other", metadata={"resourceVersion": "20"})))
    assert content.upsert(job("40"), rewound=True)
    assert content.upsert(
        parse_value(crawljob(crawl="other", metadata={"resourceVersion": "20"})), rewound=True
    )
    assert told.words() == [("-", "90", ""), ("-", "20", ""), ("90", "40", "")]


def test_what_a_list_does_not_show_is_missing(content: ObjectCache, told: Told) -> None:
    stays, goes = (parse_value(crawljob(crawl=crawl)) for crawl in ("stays", "goes"))
    content.upsert(stays)
    content.upsert(goes)
    (key,) = content.keys_except({key_of(stays)})
    content.vanished(key)
    content.vanished(key)
    assert told.changes[2:] == [Change("crawlers", goes, None, deleted=True)]
    assert len(content) == 1


def test_what_is_held_of_some_objects_is_found_by_their_uids(content: ObjectCache) -> None:
    for crawl in ("a", "b"):
        content.upsert(parse_value(crawljob(crawl=crawl)))
    assert content.keys_of({"uid-crawlers-b", "unheard-of"}) == [("crawlers", "crawljob-b")]
    assert content.keys_of(set()) == []


def test_the_same_name_in_two_namespaces_is_two_objects(content: ObjectCache) -> None:
    content.upsert(parse_value(crawljob(namespace="one")))
    content.upsert(parse_value(crawljob(namespace="two")))
    assert len(content) == 2


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
