"""Every fenced block of README.md and docs/ is checked by something, or listed with the reason."""

import ast
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from exporter import cli
from support import command_line
from support.amtool import amtool, shipped_config
from support.chart import made
from support.documents import Snippet, commands, snippets
from support.promql import METRICS, result_labels
from support.tools import ROOT, Edition, require_built

GUIDE: Final = "docs/developing.md"
EXECUTED: Final = {
    "sh": "test_commands.py runs it; a runbook's is read by tests/alerts/test_runbooks.py",
    "promql": "tests/alerts/test_documents.py reads it, of metrics and labels that exist",
    "json": "read here",
    "yaml": "read here, by the program that it is for",
    "python": f"of {GUIDE}: test_developing.py applies what names its file, the rest is listed",
    "markdown": "test_developing.py writes it",
}
"""Languages, and what becomes of their blocks."""
NOT_EXECUTED: Final = {
    ("README.md", "flowchart LR"): "a drawing",
    ("docs/architecture.md", "flowchart LR"): "a drawing",
    ("docs/architecture.md", "API server ── WatchEvent[CrawlJob] ──▶ Reflector"): "a drawing",
    ("README.md", "… msg=notified alert=BrowsertrixCrawlSizeLimitReached"): "output of the demo",
    ("README.md", 'browsertrix_crawls{namespace="crawlers",state="running"}'): "output of the demo",
    (GUIDE, "max_scrapes: Count = Field("): "an example of an option",
    (GUIDE, "# exporter/resources/claim/resource.py"): "an example of a source",
    (GUIDE, "def pulls_in_vain(crawl: Crawl) -> Steps:"): "an example of a scenario",
    (GUIDE, 'line(4, stat("Queued"'): "an example of a panel",
    (GUIDE, "browsertrix = Browsertrix(cluster, crawls=5"): "an example of a test",
    (
        "docs/installation-pip.md",
        "# /etc/systemd/system/",
    ): "no systemd here; its ExecStart is read",
    ("docs/dashboards.md", "metadata:"): "a part of a ConfigMap",
}
"""Page and how the block begins, and why nothing can run it."""


def listed(snippet: Snippet) -> bool:
    return any(
        snippet.page == page and snippet.first_line.startswith(begin)
        for page, begin in NOT_EXECUTED
    )


def by_where(snippet: Snippet) -> str:
    return snippet.where


@pytest.mark.parametrize("snippet", snippets(), ids=by_where)
def test_a_snippet_is_checked_or_listed(snippet: Snippet) -> None:
    if listed(snippet):
        return
    assert snippet.language in EXECUTED, f"say in NOT_EXECUTED why nothing checks {snippet.where}"
    if snippet.language in {"python", "markdown"}:
        assert snippet.page == GUIDE
        assert (ROOT / snippet.about.split()[0]).parent.is_dir()


def test_nothing_is_listed_that_is_not_there() -> None:
    for page, begin in NOT_EXECUTED:
        assert any(one.page == page and one.first_line.startswith(begin) for one in snippets()), (
            begin
        )


@pytest.mark.parametrize("snippet", snippets("json"), ids=by_where)
def test_json_is_read(snippet: Snippet) -> None:
    json.loads(snippet.text)


def examples() -> list[Snippet]:
    return [one for one in snippets("python") if not one.about]


@pytest.mark.parametrize("snippet", examples(), ids=by_where)
def test_python_is_read(snippet: Snippet) -> None:
    text = snippet.text.strip().removesuffix(",")
    ast.parse(text)


YAML: Final = [one for one in snippets("yaml") if not one.about and not listed(one)]


@pytest.mark.parametrize("snippet", YAML, ids=by_where)
def test_yaml_is_taken_by_what_it_is_for(
    snippet: Snippet, edition: Edition, tmp_path: Path
) -> None:
    loaded = yaml.safe_load(snippet.text)
    file = tmp_path / "shown.yaml"
    file.write_text(snippet.text, encoding="utf-8")
    if isinstance(loaded, list):
        _route_is_taken(loaded, edition, tmp_path)
    elif "groups" in loaded:
        _promtool(edition, "rules", file)
        for group in loaded["groups"]:
            for rule in group["rules"]:
                result_labels(rule["expr"], METRICS)
    elif loaded.keys() & {"scrape_configs", "rule_files", "alerting", "global"}:
        shutil.copy(ROOT / "alerts" / "browsertrix.rules.yaml", tmp_path)
        _promtool(edition, "config", file)
    elif loaded.get("kind") == "Kustomization":
        _kustomization_is_built(file, tmp_path)
    elif snippet.page in {"docs/installation.md", "docs/metacontroller.md"}:
        assert made(loaded), "values of the chart"
    elif "rules --config.file" in snippet.text:
        assert cli.main(["rules", "--config.file", str(file), "--output", f"{file}.out"]) == 0
    else:
        _options_are_taken(file, tmp_path)


def _options_are_taken(file: Path, folder: Path) -> None:
    (folder / "password").write_text("example", encoding="utf-8")
    here = file.read_text(encoding="utf-8").replace("/etc/browsertrix-exporter", str(folder))
    file.write_text(here, encoding="utf-8")
    command_line.read("--config.file", str(file))


def _kustomization_is_built(file: Path, folder: Path) -> None:
    for name in ("deploy/kustomize", "alerts", "dashboards/json"):
        shutil.copytree(ROOT / name, folder / name)
    file.rename(folder / "kustomization.yaml")
    (folder / "config.yaml").write_text("pause-limit: 14d\n", encoding="utf-8")
    kustomize = require_built("kustomize")
    ran = subprocess.run([kustomize, "build", folder], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "pause-limit: 14d" in ran.stdout


def _promtool(edition: Edition, what: str, file: Path) -> None:
    ran = subprocess.run(
        [edition.require("promtool"), "check", what, file],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def _route_is_taken(routes: list[dict[str, Any]], edition: Edition, folder: Path) -> None:
    config = shipped_config()
    config["route"]["routes"] = routes
    shutil.copytree(ROOT / "alerts" / "templates", folder / "templates")
    (folder / "alertmanager.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    amtool(edition, "check-config", str(folder / "alertmanager.yml"))


def test_the_units_command_is_one() -> None:
    (unit,) = snippets("ini")
    (start,) = re.findall(r"^ExecStart=\S+/browsertrix-exporter (.*)$", unit.text, re.MULTILINE)
    assert start == "--config.file /etc/browsertrix-exporter/exporter.yaml"
    variables = re.findall(r"^Environment=(\w+)=%d/(\w+)$", unit.text, re.MULTILINE)
    assert variables == [(f"{command_line.PREFIX}KUBECONFIG", "kubeconfig")]
    assert "LoadCredential=kubeconfig:" in unit.text


@pytest.mark.parametrize(
    "snippet", [one for one in snippets("sh") if "/runbooks/" in one.page], ids=by_where
)
def test_a_runbook_runs_only_what_its_own_tests_know(snippet: Snippet) -> None:
    known = {"browsertrix-exporter", "kubectl", "amtool", "grep", "tail", "curl", "jq"}
    for line in commands(snippet.text):
        for part in line.split(" | "):
            assert part.split()[0] in known or re.match(r"\w+=\S", part), part
