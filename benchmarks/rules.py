"""What the rules and dashboards cost Prometheus: ``python -m benchmarks.rules [--crawls N]``.

Two Prometheus scrape the same exporter in one run, one of them with the rules: the difference of
their processor time is what the rules cost, looked at from outside. Then each query of the
dashboards is timed, with as many points as a view of six hours has, over the minutes that there
are: what a query costs is its points times its series.
"""

import argparse
import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks import processes
from dashboards.queries import ALL_SELECTED, interpolate, panel_queries
from dashboards.render import FOLDER
from exporter.commands.demo.configurations import RULES, prometheus_config, shipped
from exporter.commands.demo.programs import free_port

_ROOT: Final = Path(__file__).parents[1]
_VIEW: Final = 6 * 3600
"""Seconds shown by a dashboard."""
_SPAN: Final = 240
"""Seconds of history there are to query."""
_POINTS: Final = 1000
"""That Grafana asks for at most, on a panel as wide as a screen."""
RULES_LIMIT: Final = 8.0
"""Processor seconds a minute."""
QUERY_LIMIT: Final = 2.0
"""Seconds of a view."""


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A running one."""

    process: "subprocess.Popen[bytes]"
    url: str

    @property
    def cpu(self) -> float:
        """Processor seconds since its start."""
        return processes.cpu_seconds(self.process.pid)

    @property
    def memory(self) -> int:
        """Bytes resident, of which some are files that the kernel can drop."""
        return processes.resident_bytes(self.process.pid)

    @property
    def series(self) -> int:
        """In the head: what it holds in memory."""
        with urllib.request.urlopen(f"{self.url}/api/v1/status/tsdb") as response:
            return int(json.load(response)["data"]["headStats"]["numSeries"])

    def query(self, expression: str, points: int) -> float:
        """Evaluate at so many points of the last minutes, or once; the seconds it took."""
        now, kind = time.time(), "query_range" if points > 1 else "query"
        when = {"start": now - _SPAN, "end": now, "step": _SPAN / points} if points > 1 else {}
        parameters = urllib.parse.urlencode({"query": expression, **when})
        begun = time.perf_counter()
        with urllib.request.urlopen(f"{self.url}/api/v1/{kind}?{parameters}") as response:
            body = json.load(response)
        assert body["status"] == "success", body
        return time.perf_counter() - begun


@contextlib.contextmanager
def running(executable: str, folder: Path, target: str, rules: Path | None) -> Iterator[Prometheus]:
    """Scrape the exporter every 15 s, and evaluate the rules as often, until the block ends."""
    folder.mkdir()
    configuration = folder / "prometheus.yml"
    configuration.write_text(json.dumps(prometheus_config([target], "15s", rules=rules)))
    address = f"127.0.0.1:{free_port()}"
    command = [
        executable,
        f"--config.file={configuration}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}",
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        yield Prometheus(process, f"http://{address}")
    finally:
        process.terminate()
        process.wait()


def main() -> int:
    """Measure and print; the exit status is 1 where a limit is missed, 3 without Prometheus."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rules")
    parser.add_argument("--crawls", type=int, default=10_000, help="(default: %(default)s)")
    parser.add_argument("--minutes", type=float, default=4.0, help="(default: %(default)s)")
    given = parser.parse_args()
    built = _ROOT / ".tools" / "real" / "bin" / "prometheus"
    executable = str(built) if built.exists() else shutil.which("prometheus")
    if executable is None:
        sys.stderr.write("no prometheus: `make real-tools` builds it\n")
        return 3
    with (
        processes.simulator(given.crawls) as (_, kubeconfig),
        processes.exporter(kubeconfig) as exporter,
        tempfile.TemporaryDirectory() as scratch,
    ):
        exporter.wait_until_ready()
        target = f"http://127.0.0.1:{exporter.port}"
        with (
            running(executable, Path(scratch, "with"), target, shipped(RULES)) as judging,
            running(executable, Path(scratch, "without"), target, None) as scraping,
        ):
            time.sleep(90)  # the first scrapes make the series, which costs both
            before = judging.cpu, scraping.cpu
            time.sleep(60 * given.minutes)
            spent = judging.cpu - before[0], scraping.cpu - before[1]
            rules = (spent[0] - spent[1]) / given.minutes
            series, memory = judging.series, judging.memory
            slow = _slowest(judging)
    print(f"{given.crawls} CrawlJobs, scraped and judged every 15 s, {given.minutes:g} minutes")
    print(f"scraping alone: {spent[1] / given.minutes:.1f} s of a processor a minute")
    print(f"rules: {rules:.1f} s a minute (limit {RULES_LIMIT:g})")
    print(
        f"memory with the rules: {memory / 2**30:.1f} GiB, {series:,} series, "
        f"{memory / series / 1024:.1f} KiB each"
    )
    print(f"the slowest queries of dashboards, for a view of six hours (limit {QUERY_LIMIT:g} s):")
    for seconds, where in slow[:8]:
        print(f"  {seconds:6.2f} s  {where}")
    return int(rules > RULES_LIMIT or slow[0][0] > QUERY_LIMIT)


def _slowest(prometheus: Prometheus) -> list[tuple[float, str]]:
    """Each query of a panel, and the seconds that its view takes; the slowest first."""
    found = []
    for file in sorted(FOLDER.glob("*.json")):
        dashboard = json.loads(file.read_text(encoding="utf-8"))
        for query in panel_queries(dashboard):
            step = max(_VIEW / _POINTS, query.min_interval, 60)
            expression = interpolate(query.expr, _VIEW, step, ALL_SELECTED)
            points = 1 if query.instant else round(_VIEW / step)
            found.append((prometheus.query(expression, points), query.where))
    return sorted(found, reverse=True)


if __name__ == "__main__":
    sys.exit(main())
