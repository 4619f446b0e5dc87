"""CrawlJobs from what kubectl prints."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.cluster.manifests import Skipped, read_manifests
from exporter.resources.crawljob import CrawlJob
from exporter.resources.crawljob.resource import CRAWLJOB_RESOURCE
from support.factories import UPDATED, UPDATED_EPOCH, crawljob


def names(data: bytes | str) -> list[str]:
    """Names of CrawlJobs, and in between why the others are none."""
    data = data.encode() if isinstance(data, str) else data
    return [
        str(item) if isinstance(item, Skipped) else item.metadata.name
        for item in read_manifests(CRAWLJOB_RESOURCE, data)
    ]


def a_list(*items: Any, kind: str = "List") -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {}, "items": list(items)}


ONE, TWO = crawljob(crawl="one"), crawljob(crawl="two")


@pytest.mark.parametrize("dump", [json.dumps, yaml.safe_dump])
def test_a_single_object(dump: Any) -> None:
    assert names(dump(ONE)) == ["crawljob-one"]


@pytest.mark.parametrize("dump", [json.dumps, yaml.safe_dump])
def test_a_list(dump: Any) -> None:
    assert names(dump(a_list(ONE, TWO))) == ["crawljob-one", "crawljob-two"]


def test_several_documents() -> None:
    assert names(yaml.safe_dump_all([ONE, TWO], explicit_start=True)) == [
        "crawljob-one",
        "crawljob-two",
    ]


def test_items_of_a_crawljoblist_need_no_kind() -> None:
    item = {key: value for key, value in ONE.items() if key not in ("kind", "apiVersion")}
    assert names(json.dumps(a_list(item, kind="CrawlJobList"))) == ["crawljob-one"]


def test_json_and_yaml_give_the_same_crawljob() -> None:
    (from_json,) = read_manifests(CRAWLJOB_RESOURCE, json.dumps(ONE).encode())
    (from_yaml,) = read_manifests(CRAWLJOB_RESOURCE, yaml.safe_dump(ONE).encode())
    assert from_json == from_yaml


def test_a_timestamp_without_quotes_is_read_as_text_like_on_the_wire() -> None:
    text = f"kind: CrawlJob\nmetadata: {{name: x}}\nstatus: {{finished: {UPDATED}}}\n"
    (job,) = read_manifests(CRAWLJOB_RESOURCE, text.encode())
    assert isinstance(job, CrawlJob)
    assert job.problems == ()
    assert job.status.finished == UPDATED_EPOCH


def test_objects_of_other_kinds_are_skipped_with_a_note() -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}}
    alien = {"apiVersion": "example.org/v1", "kind": "CrawlJob", "metadata": {"name": "a"}}
    found = list(read_manifests(CRAWLJOB_RESOURCE, json.dumps(a_list(pod, ONE, alien)).encode()))
    left = [item for item in found if isinstance(item, Skipped)]
    assert [str(item) for item in left] == [
        "document 1, item 1, Pod p: skipped, for it is no CrawlJob of btrix.cloud",
        "document 1, item 3, CrawlJob a: skipped, for it is no CrawlJob of btrix.cloud",
    ]
    assert not any(item.unusable for item in left)
    assert len(found) == 3


def test_one_invalid_object_does_not_stop_the_rest() -> None:
    found = list(
        read_manifests(CRAWLJOB_RESOURCE, json.dumps(a_list({"kind": "CrawlJob"}, 5, TWO)).encode())
    )
    assert [getattr(item, "unusable", None) for item in found] == [True, True, None]
    assert str(found[0]).startswith("document 1, item 1: an object without a name: metadata")
    assert str(found[1]) == "document 1, item 2: expected an object"


def test_a_malformed_field_is_the_crawljobs_own_problem() -> None:
    (job,) = read_manifests(
        CRAWLJOB_RESOURCE, json.dumps(crawljob(status={"size": "big"})).encode()
    )
    assert isinstance(job, CrawlJob)
    assert [problem.field for problem in job.problems] == ["status.size"]


def test_one_broken_document_does_not_stop_the_rest() -> None:
    text = f"{yaml.safe_dump(ONE)}---\na: [1,\nb: }}\n---\n{yaml.safe_dump(TWO)}"
    found = names(text)
    line = yaml.safe_dump(ONE).count("\n") + 3
    assert (found[0], found[2]) == ("crawljob-one", "crawljob-two")
    assert found[1].startswith(f"document 2: not valid YAML at line {line}, column ")


def test_a_broken_document_is_reported_without_its_content() -> None:
    (found,) = read_manifests(CRAWLJOB_RESOURCE, b"password: secret\n  token: [secret\n")
    assert isinstance(found, Skipped)
    assert "secret" not in str(found)


def test_yaml_tags_make_no_objects(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    text = f"!!python/object/apply:os.mkdir ['{victim}']\n---\n{yaml.safe_dump(ONE)}"
    found = names(text)
    assert found[0].startswith("document 1: not valid YAML at line 1")
    assert found[1] == "crawljob-one"
    assert not victim.exists()


def test_comments_and_empty_documents_are_nothing() -> None:
    assert names(f"# a comment\n---\n---\n\n---\n{yaml.safe_dump(ONE)}---\n# the end\n") == [
        "crawljob-one"
    ]


@pytest.mark.parametrize("data", [b"", b"\n \n", b"# nothing\n", b"---\n"])
def test_an_empty_input_is_a_fault(data: bytes) -> None:
    (found,) = read_manifests(CRAWLJOB_RESOURCE, data)
    assert isinstance(found, Skipped)
    assert (str(found), found.unusable) == ("input: there is nothing in it", True)


def test_an_empty_list_is_no_fault() -> None:
    assert names(json.dumps(a_list())) == []


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_what_windows_writes_is_read(encoding: str) -> None:
    assert names(json.dumps(ONE).encode(encoding)) == ["crawljob-one"]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b'{"kind": "List", "items": {"a": 1}}', "the items of this List are no list"),
        (b'{"metadata": {"name": "x"}}', "it has no kind"),
        (b"just text", "expected an object"),
        (b"- a\n- b\n", "expected an object"),
        (b'{"kind": "List", "items": [', "not valid YAML"),
        (b"\xff\xfe\xfd", "expected an object"),
        (b"a" + b": {a" * 5000, "not valid YAML"),
    ],
)
def test_what_is_no_manifest_says_why(data: bytes, why: str) -> None:
    (found,) = read_manifests(CRAWLJOB_RESOURCE, data)
    assert isinstance(found, Skipped)
    assert found.unusable
    assert why in found.why or "cannot be read" in found.why


def test_numbers_are_read_as_go_writes_them_and_aliases_are_refused() -> None:
    document = b"""\
apiVersion: btrix.cloud/v1
kind: CrawlJob
metadata: {name: crawljob-a, namespace: crawlers}
spec: {maxCrawlSize: 1e+08, timeout: 36E2}
"""
    (job,) = read_manifests(CRAWLJOB_RESOURCE, document)
    assert not isinstance(job, Skipped)
    assert (job.spec.max_crawl_size, job.spec.timeout) == (1e8, 3600)

    laughs = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{one}: &{one} [*{other}, *{other}, *{other}, *{other}, *{other}, *{other}, *{other}]\n"
        for one, other in zip("bcdefghijkl", "abcdefghijk", strict=True)
    )
    (found,) = read_manifests(CRAWLJOB_RESOURCE, laughs.encode())
    assert str(found) == (
        "document 1: not valid YAML at line 2, column 8: aliases are not supported"
    )
