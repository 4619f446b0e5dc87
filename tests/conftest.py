"""What tests of several packages share: API servers to run on, and a line to print at the end."""

import logging
from collections.abc import Callable, Iterator
from typing import Final

import pytest
from hypothesis import HealthCheck, settings

from exporter.simulator import ApiServer
from support.api_servers import Api, Real, Simulated
from support.tools import Edition, require_kube_apiserver
from tools.kube_apiserver import KubeApiserver

_SAID: Final = "said"

# The one profile. No example is timed, and neither is drawing it: machines are noisy. A mutated
# CrawlJob may be large, so examples that are too large are dropped. A fixture that a property uses
# is made once for all of its examples, which such a test expects. All else is as Hypothesis has
# it, here or under CI.
settings.register_profile(
    "untimed",
    settings(),
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.function_scoped_fixture,
    ],
)
settings.load_profile("untimed")


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """A command that runs in this process sets logging up, with the stderr of its test."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = before


@pytest.fixture(scope="session")
def real_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    """One for all tests of a worker; those that stop it start one of their own.

    A list's pages come from etcd, so a compaction expires its continue token at once: the watch
    cache has snapshots of its own since 1.34, and looks for compactions once a minute.
    """
    require_kube_apiserver()
    with KubeApiserver.started(
        tmp_path_factory.mktemp("apiserver") / "data",
        users={"simulated": ()},  # whom the simulator names where it forbids something
        arguments=["--feature-gates=ListFromCacheSnapshot=false"],
    ) as server:
        yield Real(server)


@pytest.fixture(scope="session", params=list(Edition))
def edition(request: pytest.FixtureRequest) -> Edition:
    """Each edition of Prometheus and Alertmanager: what needs them has to work with both."""
    found: Edition = request.param
    return found


@pytest.fixture(
    params=["simulator", pytest.param("real", marks=pytest.mark.slow("the first starts etcd"))]
)
def anywhere(request: pytest.FixtureRequest) -> Real | None:
    """Where a test runs: None stands for the simulator."""
    if request.param == "simulator":
        return None
    real: Real = request.getfixturevalue("real_server")
    return real


@pytest.fixture
async def api(anywhere: Real | None, server: ApiServer) -> Api:
    """An API server with the CRD, no CrawlJobs and no pods: the simulator, or a real one."""
    if anywhere is None:
        return Simulated(server)
    await anywhere.clear()
    return anywhere


def pytest_xdist_auto_num_workers() -> int:
    """Two workers a processor: one has work for it while the other one waits."""
    return 2 * len(os.sched_getaffinity(0))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    waiting, others = [], []
    for item in items:
        slow = item.get_closest_marker("slow")
        if slow is not None:
            item.add_marker(pytest.mark.timeout(slow.kwargs.get("timeout", 300)))
        (waiting if slow is not None and slow.kwargs.get("waits") else others).append(item)
    items[:] = _dealt(waiting, others, getattr(config, "workerinput", {}).get("workercount", 1))


def _dealt(
    waiting: list[pytest.Item], others: list[pytest.Item], workers: int
) -> list[pytest.Item]:
    """Order tests so that every other worker of xdist's begins with what waits.

    It shares a list out in as many equal parts, and whoever is done takes half of the longest rest,
    from its end: so no processor idles meanwhile, and none waits at the end for what came late.
    """
    size = -(-(len(waiting) + len(others)) // workers)
    beginning = max(1, workers // 2)
    rest = iter(others)
    found: list[pytest.Item] = []
    for worker in range(workers):
        share = waiting[worker // 2 :: beginning] if worker % 2 == 0 else []
        found += share
        found += itertools.islice(rest, max(0, size - len(share)))
    return [*found, *rest]


@pytest.fixture
def say(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Print a line at the end, also where all tests pass."""
    return lambda text: record_property(_SAID, text)  # it comes over from a worker of xdist's, too


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, text in getattr(report, "user_properties", ()):
                if name == _SAID and report.when == "call":
                    terminalreporter.write_line(text)
