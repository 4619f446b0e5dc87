"""What ``kubectl get`` is sent of pods and claims."""

from typing import Any

import pytest

from exporter.simulator.apiserver.tables import duration
from support.api_client import Client
from support.scenario_run import ScenarioRun

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0s"),
        (119, "119s"),
        (120, "2m"),
        (305, "5m5s"),
        (600, "10m"),
        (10_799, "179m"),
        (10_800, "3h"),
        (12_000, "3h20m"),
        (28_800, "8h"),
        (172_799, "47h"),
        (172_800, "2d"),
        (180_000, "2d2h"),
        (691_200, "8d"),
    ],
)
def test_ages_are_written_as_kubectl_shows_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


async def rows(client: Client, path: str, accept: str = TABLE) -> dict[str, Any]:
    headers = {"Accept": accept}
    async with client.session.get(client.url + path, headers=headers) as response:
        found: dict[str, Any] = await response.json()
        return found


async def test_a_table_has_a_row_for_each_object_of_a_list(client: Client) -> None:
    run = ScenarioRun("completes", overrides={"pods": 1})
    pod = run.lives(run.crawl.pod(0))[3]
    await client.ask("POST", "/api/v1/namespaces/crawlers/pods", _new(pod))
    found = await rows(client, "/api/v1/namespaces/crawlers/pods")
    assert (found["kind"], found["apiVersion"]) == ("Table", "meta.k8s.io/v1")
    (row,) = found["rows"]
    assert row["cells"][:5] == [run.crawl.pod(0), "0/1", "Pending", "0", "0s"]
    assert row["object"]["metadata"]["labels"]["crawl"] == run.crawl.id
    names = [column["name"] for column in found["columnDefinitions"]]
    assert len(names) == len(row["cells"])
    selected = await rows(client, "/api/v1/pods?labelSelector=role%3Dredis")
    assert selected["rows"] == []
    plain = await rows(client, "/api/v1/pods", "application/json")
    assert plain["kind"] == "PodList"


async def test_custom_resources_have_no_table_of_their_own(client: Client) -> None:
    found = await rows(client, "/apis/btrix.cloud/v1/crawljobs")
    assert found["kind"] == "CrawlJobList"


def _new(pod: dict[str, Any]) -> dict[str, Any]:
    """It as a client would create it."""
    metadata = {key: pod["metadata"][key] for key in ("name", "namespace", "labels")}
    return {**pod, "metadata": metadata}
