"""What tests of several packages share: API servers to run on, and a line to print at the end."""

import itertools
import logging
import os
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

# promtool and the others written in Go clear their memory at every few megabytes: a fourth as often
# costs promtool a quarter less of a processor, and 70 MB.
os.environ.setdefault("GOGC", "400")


_ENOUGH_WORKERS: Final = 8
"""Each takes up to a gigabyte."""


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


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Two workers a processor, as long as these are few: while one waits, the other has work."""
    processors = len(os.sched_getaffinity(0))
    return max(processors, min(2 * processors, _ENOUGH_WORKERS))


@pytest.hookimpl(trylast=True)  # pytest's own puts those that share a parameter together
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    waiting: list[tuple[float, pytest.Item]] = []
    others: list[pytest.Item] = []
    for item in items:
        slow = item.get_closest_marker("slow")
        if slow is not None:
            timeout = slow.kwargs.get("timeout", 300)
            item.add_marker(pytest.mark.timeout(timeout))
            if slow.kwargs.get("waits"):
                waiting.append((timeout, item))
                continue
        others.append(item)
    waiting.sort(key=lambda found: found[0], reverse=True)
    workers = getattr(config, "workerinput", {}).get("workercount", 1)
    items[:] = _dealt([item for _, item in waiting], others, workers)


def _dealt(
    waiting: list[pytest.Item], others: list[pytest.Item], workers: int
) -> list[pytest.Item]:
    """Order tests so that half of the workers begin with those that wait.

    Each worker gets an equal part of the list; one that is done takes over the end of another's.
    So there is work for the processors beside what waits, and nobody begins to wait at the end.
    """
    first = max(1, workers // 2)
    rest = iter(others)
    found: list[pytest.Item] = []
    for worker in range(workers):
        part = (len(waiting) + len(others) - len(found)) // (workers - worker)
        begins = waiting[worker::first] if worker < first else []
        found += begins
        found += itertools.islice(rest, max(0, part - len(begins)))
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
