"""kubectl works with the simulator as it does with a real API server."""

import asyncio
import time
from pathlib import Path

import pytest

from exporter.simulator import ApiServer, Browsertrix
from exporter.simulator.apiserver import discovery
from exporter.simulator.apiserver.encoding import stamp
from exporter.simulator.browsertrix.claim import claim
from exporter.simulator.browsertrix.pod_manifest import pod
from exporter.simulator.browsertrix.pod_plan import CRAWLER_IMAGE, PodPlan
from exporter.simulator.browsertrix.pod_status import PodStatus
from support.api_client import NOW
from support.api_servers import Api
from support.factories import crawljob
from support.tools import require_kube_apiserver
from tools.kube_apiserver import assets


class Kubectl:
    """kubectl with a kubeconfig, and without what it remembers of other servers."""

    def __init__(self, api: Api, folder: Path) -> None:
        self._flags = (
            f"--kubeconfig={api.kubeconfig(folder / 'kubeconfig')}",
            f"--cache-dir={folder / 'cache'}",
            "--namespace=crawlers",
        )

    async def __call__(self, *arguments: str) -> list[str]:
        """Run one command; returns what it printed, line by line."""
        process = await asyncio.create_subprocess_exec(
            assets() / "kubectl",
            *self._flags,
            *arguments,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        printed, errors = await process.communicate()
        assert process.returncode == 0, errors.decode()
        return printed.decode().splitlines()


@pytest.fixture
def kubectl(api: Api, tmp_path: Path) -> Kubectl:
    require_kube_apiserver()  # it is built beside it
    return Kubectl(api, tmp_path)


async def test_resources_are_discovered(kubectl: Kubectl) -> None:
    listed = await kubectl("api-resources", "--api-group=btrix.cloud", "--no-headers")
    assert [line.split() for line in listed] == [
        ["collindexes", "cixs", "btrix.cloud/v1", "true", "CollIndex"],
        ["crawljobs", "cjs", "btrix.cloud/v1", "true", "CrawlJob"],
    ]
    assert "pods" in await kubectl("api-resources", "--api-group=", "--output=name")


async def test_objects_are_read_and_written(api: Api, kubectl: Kubectl) -> None:
    await api.create(crawljob(crawl="a"))
    await api.create(crawljob(crawl="b"))
    names = ["crawljob.btrix.cloud/crawljob-a", "crawljob.btrix.cloud/crawljob-b"]
    assert await kubectl("get", "cjs", "--output=name") == names
    state = "--output=jsonpath={.status.state}"
    assert await kubectl("get", "crawljobs", "crawljob-a", state) == ["running"]
    paused = '{"status":{"state":"paused"}}'
    patch = ("patch", "crawljobs", "crawljob-a", "--type=merge", f"--patch={paused}")
    await kubectl(*patch, "--subresource=status")
    assert await kubectl("get", "crawljobs", "crawljob-a", state) == ["paused"]
    finalizers = '{"metadata":{"finalizers":null}}'
    await kubectl("patch", "crawljobs", "crawljob-b", "--type=merge", f"--patch={finalizers}")
    await kubectl("delete", "crawljobs", "crawljob-b")
    assert await kubectl("get", "cjs", "--output=name") == names[:1]


async def test_a_crawljob_has_no_singular_but_browsertrix_own_slip(
    api: Api, kubectl: Kubectl
) -> None:
    """Runbooks that say ``kubectl get crawljob`` would not work: the definition says crawlob."""
    await api.create(crawljob(crawl="a"))
    assert await kubectl("get", "crawlob", "--output=name") == ["crawljob.btrix.cloud/crawljob-a"]
    with pytest.raises(AssertionError, match='resource type "crawljob"'):
        await kubectl("get", "crawljob")


async def test_pods_are_shown_with_what_they_are_about(api: Api, kubectl: Kubectl) -> None:
    plan = PodPlan(
        namespace="crawlers",
        name="crawl-a-0",
        labels={"crawl": "a", "role": "crawler"},
        container="crawler",
        image=CRAWLER_IMAGE,
        memory=1 << 30,
        memory_limit=1 << 30,
        cpu=1,
        claim="crawl-a-0",
    )
    now = time.time()
    await api.create(pod(plan, now) | {"status": {}})
    await api.create(claim(plan, 22 << 30, now))
    killed = {"exitCode": 137, "reason": "OOMKilled", "finishedAt": stamp(now - 305)}
    status = PodStatus("crawler", CRAWLER_IMAGE, restarts=3, last_state={"terminated": killed})
    shown = []
    for phase in ("Pending", "Running", "Failed"):
        status.phase = phase
        if phase == "Running":
            status.running(now, "containerd://1", "10.42.0.7")
        elif phase == "Failed":
            status.reason = "Evicted"
            status.terminated(now, 137, "Error")
        await api.patch_pod_status("crawlers", plan.name, **status.document())
        (line,) = await kubectl("get", "pods", "--no-headers")
        shown.append(" ".join(line.split()[1:4]))
    assert shown == ["0/1 Pending 0", "1/1 Running 3", "0/1 Error 3"]
    assert " ago)" in line
    header = await kubectl("get", "pods", "--output=wide")
    assert header[0].split()[:7] == ["NAME", "READY", "STATUS", "RESTARTS", "AGE", "IP", "NODE"]
    claims = await kubectl("get", "pvc")
    assert claims[0].split()[:4] == ["NAME", "STATUS", "VOLUME", "CAPACITY"]
    assert claims[1].split()[:2] == ["crawl-a-0", "Pending"]
    assert "standard-rwo" in claims[1]
    assert (await kubectl("get", "pod", "crawl-a-0", "--no-headers"))[0].startswith("crawl-a-0")


@pytest.mark.parametrize("anywhere", ["simulator"], indirect=True)
async def test_pods_claims_indexes_and_usage_are_shown(server: ApiServer, kubectl: Kubectl) -> None:
    now = NOW
    browsertrix = Browsertrix(server.cluster, clock=lambda: now)
    server.cluster.clock = lambda: now
    crawl = browsertrix.start("waits_for_dedupe_index", pods=1)
    while "state" not in crawl.status or crawl.status["state"] != "running":
        assert browsertrix.next_due is not None
        now = browsertrix.next_due
        browsertrix.step()
    now += 30
    collection = crawl.traits.dedupe_collection
    names = [crawl.pod(0), f"redis-coll-{collection}", f"redis-{crawl.id}"]
    listed = await kubectl("get", "pods,pvc,collindexes", "--output=name")
    assert sorted(listed) == sorted(
        [
            *(f"pod/{name}" for name in names),
            *(f"persistentvolumeclaim/{name}" for name in names),
            f"collindex.btrix.cloud/collindex-{collection}",
        ]
    )
    shown = await kubectl("top", "pods", "--no-headers")
    assert sorted(line.split()[0] for line in shown) == sorted(names)
    assert all(line.split()[2].endswith("Mi") for line in shown)
    of_crawls = await kubectl("top", "pods", "--no-headers", "-l", "crawl,role in (crawler, redis)")
    assert {line.split()[0] for line in of_crawls} == {names[0], names[2]}


@pytest.mark.parametrize("anywhere", ["simulator"], indirect=True)
async def test_discovery_is_two_requests(server: ApiServer, kubectl: Kubectl) -> None:
    await kubectl("get", "cjs")
    paths = [one.path for one in server.requests if one.resource is None]
    assert sorted(paths) == ["/api", "/apis"]
    assert all(
        discovery.AGGREGATED in one.headers["Accept"]
        for one in server.requests
        if one.resource is None
    )
