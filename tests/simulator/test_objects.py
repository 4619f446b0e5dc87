"""Reading and writing single objects."""

from typing import Any

import pytest

from exporter.simulator import Cluster
from exporter.simulator.apiserver.errors import ApiError
from exporter.simulator.apiserver.updates import merge_patch
from support.api_client import NOW, Client, job, jobs


async def test_create_assigns_what_is_the_servers_and_drops_the_status(client: Client) -> None:
    wanted: dict[str, Any] = job("a")
    wanted["metadata"] |= {"uid": "mine", "creationTimestamp": "1999-01-01T00:00:00Z"}
    del wanted["metadata"]["namespace"]
    status, made = await client.ask("POST", jobs(), {**wanted, "status": {"state": "x"}})
    assert status == 201
    metadata = made["metadata"]
    assert metadata["namespace"] == "crawlers"
    assert metadata["uid"] != "mine"
    assert len(metadata["uid"]) == 36
    assert metadata["creationTimestamp"] == "2025-05-21T12:00:00Z"
    assert metadata["generation"] == 1
    assert int(metadata["resourceVersion"]) > 1
    assert (made["kind"], made["apiVersion"]) == ("CrawlJob", "btrix.cloud/v1")
    assert "status" not in made
    assert await client.ask("GET", jobs(name="a")) == (200, made)


@pytest.mark.parametrize(
    ("body", "code", "reason"),
    [
        (job("taken"), 409, "AlreadyExists"),
        (job("a", "elsewhere"), 400, "BadRequest"),
        ({**job("a"), "metadata": {}}, 422, "Invalid"),
        ({**job("a"), "kind": ""}, 400, "BadRequest"),
        ([], 400, "BadRequest"),
        ({**job("a"), "metadata": 3}, 400, "BadRequest"),
    ],
)
async def test_create_refuses(
    body: Any, code: int, reason: str, cluster: Cluster, client: Client
) -> None:
    cluster.create(job("taken"))
    status, answer = await client.ask("POST", jobs(), body)
    assert (status, answer["code"], answer["reason"]) == (code, code, reason)


async def test_the_status_subresource_and_the_rest_do_not_touch_each_other(
    cluster: Cluster, client: Client
) -> None:
    cluster.create(job("a"))
    both = {"spec": {"scale": 9}, "status": {"state": "running"}}
    _, first = await client.ask("PATCH", jobs(name="a", sub="status"), both)
    assert (first["spec"]["scale"], first["status"]) == (1, {"state": "running"})
    assert first["metadata"]["generation"] == 1
    _, second = await client.ask("PATCH", jobs(name="a"), {**both, "status": {"state": "x"}})
    assert (second["spec"]["scale"], second["status"]) == (9, {"state": "running"})
    assert second["metadata"]["generation"] == 2
    _, third = await client.ask(
        "PUT", jobs(name="a", sub="status"), {**second, "spec": {}, "status": {"state": "done"}}
    )
    assert (third["spec"], third["status"]) == (second["spec"], {"state": "done"})
    assert await client.ask("GET", jobs(name="a", sub="status")) == (200, third)


async def test_put_needs_the_current_version(cluster: Cluster, client: Client) -> None:
    made = cluster.create(job("a"))
    status, answer = await client.ask("PUT", jobs(name="a"), job("a"))
    assert (status, answer["reason"]) == (422, "Invalid")
    made["spec"]["scale"] = 3
    status, put = await client.ask("PUT", jobs(name="a"), made)
    assert (status, put["spec"]["scale"], put["metadata"]["generation"]) == (200, 3, 2)
    status, answer = await client.ask("PUT", jobs(name="a"), made)
    assert (status, answer["reason"]) == (409, "Conflict")
    stale_patch = {"metadata": {"resourceVersion": "1"}, "spec": {"scale": 4}}
    assert (await client.ask("PATCH", jobs(name="a"), stale_patch))[0] == 409
    assert (await client.ask("PUT", jobs(name="b"), made))[0] == 400


async def test_what_the_server_set_cannot_be_changed(cluster: Cluster, client: Client) -> None:
    made = cluster.create(job("a"))
    status, answer = await client.ask("PATCH", jobs(name="a"), {"metadata": {"uid": "x"}})
    assert (status, answer["details"]["causes"][0]["field"]) == (422, "metadata.uid")
    _, patched = await client.ask(
        "PATCH",
        jobs(name="a"),
        {"metadata": {"creationTimestamp": None, "generation": 9, "labels": {"role": "job"}}},
    )
    assert patched["metadata"] == {
        **made["metadata"],
        "labels": {"role": "job"},
        "resourceVersion": patched["metadata"]["resourceVersion"],
        "managedFields": patched["metadata"]["managedFields"],
    }


async def test_who_wrote_what_and_when_is_noted(cluster: Cluster, client: Client) -> None:
    value = job("a")
    value["metadata"]["managedFields"] = [{"manager": "a client cannot set this"}]
    await client.ask("POST", jobs(), value)
    cluster.clock = lambda: NOW + 60
    cluster.patch(
        "crawlers", "a", {"status": {"state": "running", "podStatus": {"p": {}}}}, status=True
    )
    cluster.patch("crawlers", "a", {"metadata": {"finalizers": ["one"]}}, manager="metacontroller")
    cluster.patch("crawlers", "a", {"spec": {"pausedAt": ""}}, timestamp=NOW + 90)
    _, made = await client.ask("PATCH", jobs(name="a"), {"spec": {"scale": 9}}, fieldManager="me")
    noted = made["metadata"]["managedFields"]
    assert {(one["operation"], one["fieldsType"]) for one in noted} == {("Update", "FieldsV1")}
    assert {one["apiVersion"] for one in noted} == {"btrix.cloud/v1"}
    assert [
        (one["manager"], one.get("subresource"), one["time"], one["fieldsV1"]) for one in noted
    ] == [
        (
            "Python",
            None,
            "2025-05-21T12:00:00Z",
            {"f:spec": {".": {}, "f:id": {}}},
        ),
        ("me", None, "2025-05-21T12:01:00Z", {"f:spec": {"f:scale": {}}}),
        (
            "metacontroller",
            None,
            "2025-05-21T12:01:00Z",
            {"f:metadata": {"f:finalizers": {".": {}, 'v:"one"': {}}}},
        ),
        (
            "metacontroller",
            "status",
            "2025-05-21T12:01:00Z",
            {"f:status": {".": {}, "f:state": {}, "f:podStatus": {".": {}, "f:p": {}}}},
        ),
        ("OpenAPI-Generator", None, "2025-05-21T12:01:30Z", {"f:spec": {"f:pausedAt": {}}}),
    ]


def test_each_writer_has_one_entry_with_its_last_time(cluster: Cluster) -> None:
    cluster.create(job("a"), timestamp=NOW)
    for second in (1, 2):
        cluster.patch("crawlers", "a", {"spec": {f"s{second}": 1}}, timestamp=NOW + second)
        cluster.patch("crawlers", "a", {"status": {"n": second}}, status=True, timestamp=NOW + 10)
    backend, operator = cluster.get("crawlers", "a")["metadata"]["managedFields"]
    if backend.get("subresource"):
        backend, operator = operator, backend
    assert backend["time"] == "2025-05-21T12:00:02Z"
    assert backend["fieldsV1"]["f:spec"].keys() == {".", "f:id", "f:scale", "f:s1", "f:s2"}
    assert operator["time"] == "2025-05-21T12:00:10Z"
    assert operator["fieldsV1"] == {"f:status": {".": {}, "f:n": {}}}


def test_a_field_is_its_last_writers(cluster: Cluster) -> None:
    def owned() -> dict[str, Any]:
        noted = cluster.get("crawlers", "a")["metadata"]["managedFields"]
        return {one["manager"]: (one["fieldsV1"]["f:spec"], one["time"][-3:-1]) for one in noted}

    cluster.create({**job("a"), "spec": {"x": 1, "y": {"z": 1}}}, manager="one", timestamp=NOW)
    changed = {"x": 2, "y": {"z": 2}}
    cluster.patch("crawlers", "a", {"spec": changed}, manager="two", timestamp=NOW + 1)
    assert owned() == {
        "one": ({".": {}, "f:y": {}}, "00"),
        "two": ({"f:x": {}, "f:y": {"f:z": {}}}, "01"),
    }
    # What is taken away leaves no trace of who took it.
    cluster.patch("crawlers", "a", {"spec": {"y": None}}, manager="three", timestamp=NOW + 2)
    assert owned() == {"one": ({}, "00"), "two": ({"f:x": {}}, "01")}
    cluster.patch("crawlers", "a", {"spec": {"x": None}}, manager="two", timestamp=NOW + 3)
    assert owned() == {"one": ({}, "00")}


async def test_a_write_that_changes_nothing_is_no_event(cluster: Cluster, client: Client) -> None:
    made = cluster.create(job("a"))
    version = cluster.resource_version
    status, answer = await client.ask("PATCH", jobs(name="a"), {"spec": {"scale": 1}})
    assert (status, answer) == (200, made)
    assert cluster.resource_version == version


async def test_delete_without_finalizers_is_at_once(cluster: Cluster, client: Client) -> None:
    uid = cluster.create(job("a"))["metadata"]["uid"]
    status, answer = await client.ask("DELETE", jobs(name="a"))
    assert (status, answer["status"], answer["details"]["uid"]) == (200, "Success", uid)
    status, answer = await client.ask("DELETE", jobs(name="a"))
    assert (status, answer["reason"], answer["details"]["name"]) == (404, "NotFound", "a")


async def test_delete_waits_for_finalizers(cluster: Cluster, client: Client) -> None:
    value = job("a")
    value["metadata"]["finalizers"] = ["one", "two"]
    version = int(cluster.create(value)["metadata"]["resourceVersion"])
    _, left = await client.ask("DELETE", jobs(name="a"))
    assert left["metadata"]["deletionTimestamp"] == "2025-05-21T12:00:00Z"
    await client.ask("DELETE", jobs(name="a"))  # again changes nothing
    cluster.patch("crawlers", "a", {"status": {"state": "canceled"}}, status=True)
    await client.ask("PATCH", jobs(name="a"), {"metadata": {"finalizers": ["two"]}})
    assert cluster.exists("crawlers", "a")
    await client.ask("PATCH", jobs(name="a"), {"metadata": {"finalizers": []}})
    assert not cluster.exists("crawlers", "a")
    async with client.watch(resourceVersion=version) as watch:
        events = [await watch.event() for _ in range(4)]
    assert [kind for kind, _ in events] == ["MODIFIED", "MODIFIED", "MODIFIED", "DELETED"]
    assert events[3][1]["status"] == {"state": "canceled"}


async def test_delete_can_be_bound_to_a_uid(cluster: Cluster, client: Client) -> None:
    uid = cluster.create(job("a"))["metadata"]["uid"]
    for wrong in ({"uid": "other"}, {"resourceVersion": "1"}):
        status, answer = await client.ask("DELETE", jobs(name="a"), {"preconditions": wrong})
        assert (status, answer["reason"]) == (409, "Conflict")
    assert (await client.ask("DELETE", jobs(name="a"), {"preconditions": {"uid": uid}}))[0] == 200


async def test_a_name_used_again_has_another_uid(cluster: Cluster) -> None:
    first = cluster.create(job("a"))
    cluster.delete("crawlers", "a")
    assert cluster.create(job("a"))["metadata"]["uid"] != first["metadata"]["uid"]


async def test_other_types_of_patch_and_other_methods_are_refused(
    cluster: Cluster, client: Client
) -> None:
    cluster.create(job("a"))
    status, answer = await client.ask(
        "PATCH", jobs(name="a"), [], content_type="application/json-patch+json"
    )
    assert (status, answer["reason"]) == (415, "UnsupportedMediaType")
    status, answer = await client.ask("DELETE", jobs())
    assert (status, answer["reason"]) == (405, "MethodNotAllowed")


def test_a_copy_is_a_copy(cluster: Cluster) -> None:
    cluster.create(job("a"))
    cluster.get("crawlers", "a")["spec"]["scale"] = 99
    assert cluster.get("crawlers", "a")["spec"]["scale"] == 1
    assert [value["spec"]["scale"] for value in cluster.objects()] == [1]
    assert cluster.count() == 1
    with pytest.raises(ApiError, match="not found"):
        cluster.get("crawlers", "b")


@pytest.mark.parametrize(
    ("target", "patch", "expected"),
    [  # from RFC 7386, appendix A
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_a_merge_patch_merges(target: Any, patch: Any, expected: Any) -> None:
    assert merge_patch(target, patch) == expected
