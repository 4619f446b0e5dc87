"""An API server for the tests that can run on the simulator and on a real one."""

from collections.abc import Iterator

import pytest

from cluster.apis import Api, Real, Simulated
from exporter.simulator import ApiServer


@pytest.fixture(scope="session")
def real_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    with Real.started(tmp_path_factory.mktemp("apiserver")) as real:
        yield real


@pytest.fixture(params=["simulator", "real"])
def anywhere(request: pytest.FixtureRequest) -> Real | None:
    """Where a test runs: None stands for the simulator."""
    if request.param == "simulator":
        return None
    if not Real.installed():
        pytest.skip("KUBEBUILDER_ASSETS names no folder with etcd and kube-apiserver")
    real: Real = request.getfixturevalue("real_server")
    return real


@pytest.fixture
async def api(anywhere: Real | None, server: ApiServer) -> Api:
    """An API server with the CRD and no CrawlJobs: the simulator, or a real one."""
    if anywhere is None:
        return Simulated(server)
    await anywhere.clear()
    return anywhere
