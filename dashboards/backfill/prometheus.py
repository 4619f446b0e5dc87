"""A Prometheus on backfilled blocks: promtool makes them from OpenMetrics, as backfilling does."""

import contextlib
import json
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from dashboards.backfill.history import History, write_history
from dashboards.queries import SCRAPE_INTERVAL
from exporter.commands.demo import programs
from exporter.commands.demo.configurations import RULES, shipped

_TIMEOUT: Final = 60.0
"""Seconds for Prometheus to get ready, and for a query."""
_READ: Final = (
    "browsertrix-records",
    "browsertrix-volumes",
    "browsertrix-names",
    "browsertrix-organisations-use",
    "browsertrix-workflows",
)
"""The groups of rules whose records dashboards read."""

_LOOKBACK: Final = f"--query.lookback-delta={SCRAPE_INTERVAL}s"
"""Backfilled blocks have no staleness markers: here a series ends with its first missing sample."""


class ProgramMissingError(Exception):
    """Prometheus or promtool is not installed."""


class QueryError(Exception):
    """Prometheus refused the query; its message says why."""


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A running server, and the history that it holds."""

    url: str
    history: History
    alerts_at: float
    """When alerts were evaluated (seconds since 1970): shortly after the history's end."""

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series at the history's end, each with ``metric`` and ``value``.

        Alerts are queried at ``alerts_at``. Raises QueryError.
        """
        at = self.alerts_at if "ALERTS" in expression else self.history.end
        found: list[dict[str, Any]] = _get(self.url, "query", query=expression, time=at)["result"]
        return found

    def query_range(
        self, expression: str, start: float, end: float, step: float
    ) -> list[dict[str, Any]]:
        """A range query: the series, each with ``metric`` and ``values``. Raises QueryError."""
        found: list[dict[str, Any]] = _get(
            self.url, "query_range", query=expression, start=start, end=end, step=step
        )["result"]
        return found

    def label_values(self, label: str, selector: str, start: float, end: float) -> list[str]:
        """A label's values among the series of a selector. Raises QueryError."""
        arguments = {"match[]": selector, "start": start, "end": end}
        found: list[str] = _get(self.url, f"label/{label}/values", **arguments)
        return found


def _get(base: str, path: str, **arguments: object) -> Any:
    url = f"{base}/api/v1/{path}?{urllib.parse.urlencode(arguments)}"
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT) as response:  # noqa: S310 - ours
            return json.load(response)["data"]
    except urllib.error.HTTPError as error:
        raise QueryError(json.load(error)["error"]) from error


@dataclass(frozen=True, slots=True)
class Backfill:
    """What was written to a folder, of which there may be copies, each with a server of its own."""

    history: History
    alerts_at: float

    @contextlib.contextmanager
    def serving(self, folder: Path, *, prometheus: Path | None = None) -> Iterator[Prometheus]:
        """Run Prometheus on one of them. Raises as ``backfilled_prometheus`` does."""
        with _running(_program("prometheus", prometheus), folder, {}, _LOOKBACK) as url:
            yield Prometheus(url, self.history, self.alerts_at)


@contextlib.contextmanager
def backfilled_prometheus(folder: Path) -> Iterator[Prometheus]:
    """Write hours of history to ``folder`` and run Prometheus on them; takes some fifteen seconds.

    The programs are those on PATH or fetched by ``make tools``. Raises ProgramMissingError, and
    RuntimeError where Prometheus does not get ready.
    """
    with backfill(folder).serving(folder) as running:
        yield running


def backfill(
    folder: Path, *, prometheus: Path | None = None, promtool: Path | None = None
) -> Backfill:
    """Write hours of history to ``folder``, by these programs. Raises as above."""
    server, tool = _program("prometheus", prometheus), _program("promtool", promtool)
    text, past, data = folder / "history.om", folder / "past.om", folder / "prometheus"
    with text.open("wb") as target, past.open("wb") as before:
        history = write_history(target, before, folder, time.time() // 60 * 60)
    for written in (text, past):
        _promtool(tool, "openmetrics", "--quiet", "--max-block-duration=24h", written, data)
        written.unlink()
    rules_file = _write_rules(folder)
    for number, ready in enumerate(_in_order(_recording_rules())):
        with _running(server, folder, {}, _LOOKBACK) as url:
            recorded = folder / f"recorded-{number}"
            _record(tool, url, history, ready, recorded)
        for block in recorded.iterdir():
            block.rename(data / block.name)
    rules = {"global": {"evaluation_interval": "1s"}, "rule_files": [str(rules_file)]}
    with _running(server, folder, rules) as url:
        return Backfill(history, _wait_for_alerts(url))


def _promtool(tool: Path, *arguments: str | Path) -> None:
    """Make blocks of what the arguments say. Raises CalledProcessError."""
    command: list[str | Path] = [tool, "tsdb", "create-blocks-from", *arguments]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - the developer's


def _recording_rules() -> list[dict[str, str]]:
    """Those whose records dashboards read."""
    groups = yaml.safe_load(shipped(RULES).read_text(encoding="utf-8"))["groups"]
    rules = [rule for group in groups if group["name"] in _READ for rule in group["rules"]]
    return [rule for rule in rules if "record" in rule]


def _in_order(rules: list[dict[str, str]]) -> Iterator[list[dict[str, str]]]:
    """First those that read no record of the others, then those that read only these, and so on.

    promtool looks at what is stored, and so not at what it is about to record. What a record says
    of its own past is missing for the same reason.
    """
    while rules:
        waited_for = {rule["record"] for rule in rules}
        ready = [
            rule
            for rule in rules
            if not any(name in rule["expr"] for name in waited_for - {rule["record"]})
        ]
        assert ready, f"records that read each other: {sorted(waited_for)}"  # noqa: S101
        yield ready
        rules = [rule for rule in rules if rule not in ready]


def _record(
    tool: Path, url: str, history: History, rules: list[dict[str, str]], target: Path
) -> None:
    """Write what these rules would have recorded meanwhile."""
    target.mkdir()
    file = target.with_suffix(".rules.json")
    file.write_text(json.dumps({"groups": [{"name": "records", "rules": rules}]}), encoding="utf-8")
    _promtool(
        tool,
        *("rules", "--quiet", f"--url={url}"),
        *(f"--start={history.start:.0f}", f"--end={history.end:.0f}", "--eval-interval=60s"),
        *(f"--output-dir={target}", file),
    )


def _write_rules(folder: Path) -> Path:
    """The shipped rules, without what would spread their first evaluation over a minute."""
    rules = yaml.safe_load(shipped(RULES).read_text(encoding="utf-8"))
    for group in rules["groups"]:
        group.pop("interval", None)
    file = folder / RULES
    file.write_text(json.dumps(rules), encoding="utf-8")
    return file


@contextlib.contextmanager
def _running(
    server: Path, folder: Path, configuration: dict[str, Any], *flags: str
) -> Iterator[str]:
    """Run Prometheus until the end of the block; gives its URL once it is ready."""
    program = programs.prometheus(
        server, folder, configuration, "--storage.tsdb.retention.time=10y", *flags
    )
    with program.log.open("wb") as stderr:
        process = subprocess.Popen(  # noqa: S603 - a program of the developer's
            program.command, cwd=program.directory, stderr=stderr
        )
    try:
        _wait_until_ready(program.url, process, program.log)
        yield program.url
    finally:
        process.terminate()
        process.wait()


def _wait_for_alerts(url: str) -> float:
    """Wait until all rules were evaluated and alerts fire; returns when (seconds since 1970).

    Raises RuntimeError when none does.
    """
    deadline = time.monotonic() + _TIMEOUT
    while time.monotonic() < deadline:
        groups = _get(url, "rules")["groups"]
        evaluated = all(not group["lastEvaluation"].startswith("0001") for group in groups)
        firing = _get(url, "query", query='timestamp(ALERTS{alertstate="firing"})')["result"]
        if firing and evaluated:
            return max(float(one["value"][1]) for one in firing)
        time.sleep(0.1)
    raise RuntimeError("no alert fires, though crawls have failed")


def _program(name: str, given: Path | None) -> Path:
    found = given or programs.find(name, Path())
    if found is None:
        raise ProgramMissingError(
            f"{name} is not on PATH; `make tools` brings it to .tools/usr/bin"
        )
    return found


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _TIMEOUT
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        with (
            contextlib.suppress(urllib.error.URLError),
            urllib.request.urlopen(f"{url}/-/ready", timeout=_TIMEOUT) as response,  # noqa: S310
        ):
            if response.status == 200:
                return
        time.sleep(0.05)
    raise RuntimeError(f"Prometheus does not get ready:\n{log.read_text()[-3000:]}")
