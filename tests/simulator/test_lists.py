"""Lists, as the Kubernetes API concepts describe them."""

import json

import pytest

from exporter.simulator import ApiServer, Cluster
from exporter.simulator.apiserver.encoding import stamp
from support.api_client import NOW, Client, job, jobs


def _names(answer: dict) -> list[str]:  # type: ignore[type-arg]
    return [item["metadata"]["name"] for item in answer["items"]]


async def test_a_list_has_every_object_of_its_namespace_sorted_and_a_version(
    cluster: Cluster, client: Client
) -> None:
    for name, namespace in (("b", "crawlers"), ("a", "crawlers"), ("c", "crawlers-2")):
        cluster.create(job(name, namespace))
    status, answer = await client.list()
    assert status == 200
    assert answer["kind"] == "CrawlJobList"
    assert answer["apiVersion"] == "btrix.cloud/v1"
    assert answer["metadata"] == {
        "resourceVersion": str(cluster.resource_version),
        "continue": "",
    }
    assert _names(answer) == ["a", "b"]
    _, everywhere = await client.list("")
    assert _names(everywhere) == ["a", "b", "c"]
    _, nothing = await client.list("elsewhere")
    assert nothing["items"] == []


async def test_pages_join_to_the_whole_list_of_the_first_pages_version(
    cluster: Cluster, client: Client
) -> None:
    for number in range(5):
        cluster.create(job(f"j{number}"))
    version = str(cluster.resource_version)
    _, first = await client.list(limit=2)
    assert first["metadata"]["remainingItemCount"] == 3
    cluster.delete("crawlers", "j3")
    cluster.create(job("j2b"))
    names, token = _names(first), first["metadata"]["continue"]
    while token:
        _, page = await client.list(**{"limit": 2, "continue": token})
        assert page["metadata"]["resourceVersion"] == version
        names += _names(page)
        token = page["metadata"].get("continue")
    assert names == ["j0", "j1", "j2", "j3", "j4"]


@pytest.mark.parametrize("how", ["compaction", "order"])
async def test_an_expired_continue_token_is_410_with_one_to_go_on_inconsistently(
    how: str, cluster: Cluster, server: ApiServer, client: Client
) -> None:
    for number in range(4):
        cluster.create(job(f"j{number}"))
    _, first = await client.list(limit=2)
    cluster.create(job("j9"))
    if how == "compaction":
        cluster.compact()
    else:
        server.faults.expire_continues()
    token = first["metadata"]["continue"]
    status, answer = await client.list(**{"limit": 2, "continue": token})
    assert (status, answer["reason"], answer["code"]) == (410, "Expired", 410)
    assert answer["kind"] == "Status"
    _, rest = await client.list(**{"continue": answer["metadata"]["continue"]})
    assert _names(rest) == ["j2", "j3", "j9"]
    assert rest["metadata"]["resourceVersion"] == str(cluster.resource_version)


async def test_a_list_under_way_goes_on_across_namespaces(cluster: Cluster, client: Client) -> None:
    for namespace in ("a", "b", "c"):
        cluster.create(job("same", namespace))
    _, first = await client.list("", limit=1)
    _, rest = await client.list("", **{"continue": first["metadata"]["continue"]})
    assert [item["metadata"]["namespace"] for item in rest["items"]] == ["b", "c"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"labelSelector": "role=job"}, ["a", "b"]),
        ({"labelSelector": "role!=job"}, ["c", "d"]),
        ({"labelSelector": "role in (job, qa-job),btrix.org==one"}, ["a", "c"]),
        ({"labelSelector": "role notin (job)"}, ["c", "d"]),
        ({"labelSelector": "role"}, ["a", "b", "c"]),
        ({"labelSelector": "!role"}, ["d"]),
        ({"fieldSelector": "metadata.name=b"}, ["b"]),
        ({"fieldSelector": "metadata.name!=b,metadata.namespace=crawlers"}, ["a", "c", "d"]),
    ],
)
async def test_selectors_choose(
    query: dict[str, str], expected: list[str], cluster: Cluster, client: Client
) -> None:
    cluster.create(job("a", role="job", **{"btrix.org": "one"}))
    cluster.create(job("b", role="job", **{"btrix.org": "two"}))
    cluster.create(job("c", role="qa-job", **{"btrix.org": "one"}))
    cluster.create(job("d"))
    _, answer = await client.list(**query)
    assert _names(answer) == expected
    if len(expected) > 1:  # a page of a selection does not say how much is left
        _, page = await client.list(limit=1, **query)
        assert "remainingItemCount" not in page["metadata"]
        _, rest = await client.list(**{"continue": page["metadata"]["continue"]}, **query)
        assert _names(rest) == expected[1:]


@pytest.mark.parametrize(
    "query",
    [
        {"labelSelector": "role=job=x"},
        {"labelSelector": "a b"},
        {"fieldSelector": "spec.id=x"},
        {"fieldSelector": "metadata.name"},
        {"limit": "many"},
        {"resourceVersion": "x"},
        {"continue": "nonsense"},
        {"continue": "eyJ2IjoxfQ"},
    ],
)
async def test_what_cannot_be_read_is_a_bad_request(query: dict[str, str], client: Client) -> None:
    status, answer = await client.list(**query)
    assert (status, answer["reason"], answer["status"]) == (400, "BadRequest", "Failure")


async def test_a_version_that_does_not_exist_yet_is_too_large(
    cluster: Cluster, client: Client
) -> None:
    status, answer = await client.list(resourceVersion=cluster.resource_version + 1)
    assert (status, answer["reason"]) == (504, "Timeout")
    assert answer["details"]["causes"][0]["reason"] == "ResourceVersionTooLarge"
    for version in (0, cluster.resource_version):
        assert (await client.list(resourceVersion=version))[0] == 200


async def test_what_a_test_creates_is_served_as_it_is(cluster: Cluster, client: Client) -> None:
    hostile = {"metadata": {"name": "x", "namespace": "n"}, "spec": {"a": [1, None, "\x00é"]}}
    cluster.create({**hostile, "status": {"n": 10**400}})
    _, answer = await client.ask("GET", jobs("n", "x"))
    assert answer["spec"] == {"a": [1, None, "\x00é"]}
    assert answer["status"] == {"n": 10**400}
    assert answer["metadata"]["creationTimestamp"] == stamp(NOW) == "2025-05-21T12:00:00Z"
    assert json.loads(json.dumps(answer)) == cluster.get("n", "x")


async def test_a_list_can_be_of_a_version_until_that_is_compacted(
    cluster: Cluster, client: Client
) -> None:
    cluster.create(job("a"))
    _, now = await client.list()
    exactly = {
        "resourceVersion": now["metadata"]["resourceVersion"],
        "resourceVersionMatch": "Exact",
    }
    cluster.create(job("b"))
    assert _names((await client.list(**exactly))[1]) == ["a"]
    cluster.compact()
    status, answer = await client.list(**exactly)
    assert (status, answer["reason"]) == (410, "Expired")
    status, answer = await client.list(resourceVersionMatch="Exact")
    assert (status, answer["details"]["causes"][0]["field"]) == (422, "resourceVersionMatch")


async def test_a_page_of_a_selection_says_there_is_more_where_anything_is_left(
    cluster: Cluster, client: Client
) -> None:
    cluster.create(job("a", role="job"))
    cluster.create(job("b"))
    _, page = await client.list(limit=1, labelSelector="role=job")
    _, rest = await client.list(
        **{"labelSelector": "role=job", "continue": page["metadata"]["continue"]}
    )
    assert rest["items"] == []


async def test_a_shard_selector_chooses_by_the_hash_of_the_uid(
    cluster: Cluster, server: ApiServer, client: Client
) -> None:
    for number in range(8):
        cluster.create(job(f"j{number}"))
    halves = [
        f"shardRange(object.metadata.uid, '{start}', '{end}')"
        for start, end in (
            ("0x0000000000000000", "0x8000000000000000"),
            ("0x8000000000000000", "0x10000000000000000"),
        )
    ]
    lists = [(await client.list(shardSelector=half))[1] for half in halves]
    assert sorted(_names(lists[0]) + _names(lists[1])) == [f"j{number}" for number in range(8)]
    assert "shardInfo" not in lists[0]["metadata"], "as the real one's lists of custom resources"
    _, both = await client.list(shardSelector=" || ".join(halves))
    assert len(both["items"]) == 8

    status, refused = await client.list(shardSelector="shardRange(x)")
    assert (status, refused["message"]) == (500, "invalid shard selector: shardRange(x)")

    server.faults.ignores_shards = True
    _, everything = await client.list(shardSelector=halves[0])
    assert len(everything["items"]) == 8
