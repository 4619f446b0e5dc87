"""Measure both on one API server: ``python -m benchmarks.peer [--crawls N]``.

The exit status is 1 where a target is missed. Other work on the machine disturbs it.
"""

import argparse
import contextlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml
from isal import isal_zlib

from benchmarks.peer.custom_resource_state import PREFIX, configuration
from benchmarks.peer.measurement import Figures, Measured, fill, measure, replayed
from tools.kube_apiserver import (
    BUILT,
    GROUP_PATH,
    KubeApiserver,
    NotInstalledError,
    assets,
    write_kubeconfig,
)

_ENVIRONMENT: Final = {"GOGC": "400", "GOMEMLIMIT": "6GiB"}
"""Of the API server: its garbage collector should not be what is measured."""
_ARGUMENTS: Final = ("--max-requests-inflight=2000", "--max-mutating-requests-inflight=1000")
_EXPORTER: Final = "browsertrix_crawl_pages_done"
_LIST: Final = "crawljobs.json"
_LATEST: Final = 1.0
"""Seconds after which a change is to be served."""
_KSM_RULES: Final = (
    {"apiGroups": ["apiextensions.k8s.io"], "resources": ["customresourcedefinitions"]},
    {"apiGroups": ["btrix.cloud"], "resources": ["crawljobs"]},
)


@dataclass(frozen=True, slots=True)
class Claim:
    """A figure of the exporter's as a part of kube-state-metrics'."""

    name: str
    theirs: float
    ours: float
    unit: str
    at_least: float
    """How many times less it must be."""

    @property
    def ratio(self) -> float:
        """How many times less it is."""
        return self.theirs / self.ours

    @property
    def met(self) -> bool:
        """Whether the claim holds."""
        return self.ratio >= self.at_least


def main() -> int:
    """Measure both, print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peer")
    parser.add_argument("--crawls", type=int, default=10_000, help="(default: %(default)s)")
    parser.add_argument("--rate", type=float, default=200.0, help="changes a second")
    parser.add_argument("--high-rate", type=float, default=1000.0, help="changes a second")
    parser.add_argument("--rounds", type=int, default=7, help="scrapes of each kind")
    parser.add_argument("--only", choices=("exporter", "high-rate"), help="measure no peer")
    parser.add_argument("--python", default=sys.executable, help="that the exporter runs on")
    given = parser.parse_args()
    try:
        assets()
    except NotInstalledError as missing:
        print(f"the comparison with kube-state-metrics is left out: {missing}")
        return 0
    if given.only is None and not (BUILT / "kube-state-metrics").exists():
        print("kube-state-metrics is not built; `make real-tools` builds it")
        return 0
    return _measure(given)


def _measure(given: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        results = _beside_the_peer(given, folder)
        late = _lag(folder, given)
        if given.only == "high-rate":
            return int(late > _LATEST)
        _print_floors(results["exporter"])
        return 0 if given.only else _print(results["kube-state-metrics"], results["exporter"], late)


def _beside_the_peer(given: argparse.Namespace, folder: Path) -> dict[str, Figures]:
    """Measure on a real API server, and leave its list in the folder."""
    results: dict[str, Figures] = {}
    with KubeApiserver.started(
        folder / "kubernetes",
        users={"metrics": ()},
        arguments=_ARGUMENTS,
        environment=_ENVIRONMENT,
    ) as server:
        _allow(server)
        print(f"filled in {fill(server, given.crawls):.0f} s", flush=True)
        listed = server.request("GET", f"{GROUP_PATH}/namespaces/crawlers/crawljobs")
        (folder / _LIST).write_text(json.dumps(listed), encoding="utf-8")
        kubeconfig = server.write_kubeconfig(folder / "kubeconfig", user="metrics")
        for name, run in (("kube-state-metrics", _peer), ("exporter", _exporter)):
            if given.only and (name != "exporter" or given.only == "high-rate"):
                continue
            started = time.monotonic()
            with run(kubeconfig, folder, given.python) as process:
                results[name] = measure(
                    process, server, given.crawls, started,
                    rate=given.rate, rounds=given.rounds, exposition=folder / f"{name}.txt",
                )  # fmt: skip
            print(name, results[name], flush=True)
            time.sleep(3)
    return results


def _allow(server: KubeApiserver) -> None:
    """Let the user ``metrics`` do what kube-state-metrics and the exporter need."""
    api = "/apis/rbac.authorization.k8s.io/v1"
    rules = [{**rule, "verbs": ["list", "watch"]} for rule in _KSM_RULES]
    role = {"metadata": {"name": "metrics"}, "rules": rules}
    server.request("POST", f"{api}/clusterroles", role)
    binding = {
        "metadata": {"name": "metrics"},
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": "metrics",
        },
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "metrics"}],
    }
    server.request("POST", f"{api}/clusterrolebindings", binding)


@contextlib.contextmanager
def _peer(kubeconfig: Path, folder: Path, _: str) -> Iterator[Measured]:
    config = folder / "custom-resource-state.yaml"
    config.write_text(yaml.safe_dump(configuration()), encoding="utf-8")
    command = [
        str(BUILT / "kube-state-metrics"), f"--kubeconfig={kubeconfig}",
        "--custom-resource-state-only", f"--custom-resource-state-config-file={config}",
        "--namespaces=crawlers", "--enable-gzip-encoding", "--host=127.0.0.1", "--port=28080",
        "--telemetry-host=127.0.0.1", "--telemetry-port=28081",
    ]  # fmt: skip
    with _running(command, folder / "peer.log") as pid:
        yield Measured(pid, 28080, f"{PREFIX}_pages_done")


@contextlib.contextmanager
def _exporter(kubeconfig: Path, folder: Path, python: str) -> Iterator[Measured]:
    with tempfile.TemporaryDirectory() as history:
        command = [
            python, "-m", "exporter", "--kubeconfig", str(kubeconfig),
            "--history.path", f"{history}/history.db", "--web.listen-address", "127.0.0.1:28090",
        ]  # fmt: skip
        with _running(command, folder / "exporter.log") as pid:
            yield Measured(pid, 28090, _EXPORTER)


@contextlib.contextmanager
def _running(command: Sequence[str], log: Path) -> Iterator[int]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait(60)


def _lag(folder: Path, given: argparse.Namespace) -> float:
    """Seconds from a change until it is served, at the 99th percentile, scrapes going on.

    Changes are replayed (see ``replay``): a real API server with a writer comes nowhere near the
    rate on two processors. What is served is read from scrapes of one family, four a second: a
    change counts as served at the beginning of the first that shows it, so the figure is up to a
    quarter of a second too high.
    """
    seen: list[tuple[float, dict[str, int]]] = []
    certificates = folder / "kubernetes"
    with contextlib.ExitStack() as stack:
        url, running = stack.enter_context(
            replayed(folder / _LIST, certificates, given.high_rate, 40.0)
        )
        kubeconfig = write_kubeconfig(
            folder / "replay.kubeconfig", url, certificates / "ca.crt", "metrics", "none"
        )
        process = stack.enter_context(_exporter(kubeconfig, folder, given.python))
        while process.served() < given.crawls:
            time.sleep(0.1)
        process.scrape(gzip=True)
        running.begin()
        began = time.monotonic()
        full = began + 5
        before = process.cpu
        while time.monotonic() < began + 38:
            at = time.time()
            seen.append((at, _pages(process)))
            if time.monotonic() >= full:  # as Prometheus does every 15 s
                process.scrape(gzip=True)
                full += 15
            time.sleep(max(0.0, at + 0.25 - time.time()))
        share = (process.cpu - before) / (time.monotonic() - began)
        done = running.result()
    lags = []
    for name, pages, when in done.written:
        crawl = name.removeprefix("crawljob-")
        for at, served in seen:
            if at >= when and served.get(crawl, -1) >= pages:
                lags.append(max(0.0, at - when))
                break
        else:
            if when < seen[-1][0] - 2:
                lags.append(float("inf"))
    lags.sort()
    late = lags[int(len(lags) * 0.99)]
    print(
        f"at {done.rate:.0f} changes/s: served after {lags[len(lags) // 2]:.2f} s (median), "
        f"{late:.2f} s (99th percentile), {share:.0%} of a core, scrapes going on",
        flush=True,
    )
    return late


def _pages(process: Measured) -> dict[str, int]:
    url = f"http://127.0.0.1:{process.port}/metrics?name[]={_EXPORTER}"
    found = {}
    with urllib.request.urlopen(url, timeout=60) as response:
        for line in response.read().decode().splitlines():
            if not line.startswith("#"):
                labels, value = line.rsplit(" ", 1)
                found[labels.split('"', 2)[1]] = int(float(value))
    return found


def _print_floors(ours: Figures) -> None:
    """What the scrape cannot be below: the same bytes copied, and compressed, in C."""
    assert ours.exposition is not None
    data = ours.exposition.read_bytes()
    began = time.perf_counter()
    b"".join([data[place : place + 65536] for place in range(0, len(data), 65536)])
    copied = time.perf_counter() - began
    began = time.perf_counter()
    compressor = isal_zlib.compressobj(1, isal_zlib.DEFLATED, 31)
    for place in range(0, len(data), 262_144):
        compressor.compress(data[place : place + 262_144])
    compressor.flush()
    compressed = time.perf_counter() - began
    print(
        f"floors: {len(data) / 1e6:.0f} MB copied in {copied * 1e3:.0f} ms (the scrape takes "
        f"{ours.identity * 1e3:.0f}), compressed in {compressed * 1e3:.0f} ms "
        f"({ours.gzip * 1e3:.0f})"
    )


def _print(theirs: Figures, ours: Figures, late: float) -> int:
    claims = (
        Claim("CPU per change", theirs.change_cpu * 1e3, ours.change_cpu * 1e3, "ms", 4),
        Claim("memory after it", theirs.memory_after / 2**20, ours.memory_after / 2**20, "MiB", 4),
        Claim("start to all served", theirs.start, ours.start, "s", 5),
        Claim("scrape, identity", theirs.identity, ours.identity, "s", 5),
        Claim("scrape, gzip", theirs.gzip, ours.gzip, "s", 9),
    )
    print(f"\nPython {platform.python_version()}, {os.cpu_count()} processors")
    print(
        f"{'figure':22} {'kube-state-metrics':>19} {'exporter':>12} {'ratio':>8} {'must reach':>11}"
    )
    for claim in claims:
        print(
            f"{claim.name:22} {claim.theirs:>15.3f} {claim.unit:3} {claim.ours:>8.3f} "
            f"{claim.unit:3}   1/{claim.ratio:<5.1f}    1/{claim.at_least:<5g} "
            f"{'' if claim.met else 'MISSED'}"
        )
    print(
        f"served within 1 s (99th percentile): {late:.2f} s {'' if late <= _LATEST else 'MISSED'}"
    )
    return 0 if all(claim.met for claim in claims) and late <= _LATEST else 1


if __name__ == "__main__":
    sys.exit(main())
