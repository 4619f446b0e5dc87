"""The command as a shell sees it: what it prints where, and its exit status."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from exporter import __version__
from support.factories import crawljob
from support.waiting import PROCESS_TIMEOUT

pytestmark = pytest.mark.slow("each command is a process")

COMMAND = (sys.executable, "-m", "exporter")


def run(*arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        input=stdin,
        env=os.environ | {"KUBECONFIG": os.devnull, "HOME": "/nonexistent"} | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=PROCESS_TIMEOUT,
    )


def samples(text: str) -> dict[str, float]:
    return {
        f"{sample.name} {sample.labels.get('crawl', '')}": sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_version() -> None:
    ended = run("--version")
    assert ended.stdout == f"browsertrix-exporter {__version__}\n"
    assert ended.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--nonsense",), "unrecognized arguments: --nonsense"),
        (("serve", "--log.level", "loud"), "--log.level: expected one of"),
        (("fly",), "invalid choice: 'fly'"),
        (("snapshot",), "the following arguments are required: FILE"),
        (("demo", "--speed", "0"), "argument --speed: expected a number above 0"),
        (("demo", "--browsertrix.url=http://b"), "unrecognized arguments: --browsertrix.url"),
        (
            ("demo", "--metacontroller.finalize"),
            "--metacontroller.finalize does nothing without --source.kubernetes=metacontroller",
        ),
        (
            ("--no-browsertrix.names",),
            "--browsertrix.names does nothing without --browsertrix.url",
        ),
        (("--kubeconfig", "/nonexistent"), "/nonexistent"),
        (
            ("--alertmanager.url", "http://a", "--alertmanager.ca-file", "/nonexistent"),
            "/nonexistent: No such file or directory",
        ),
        (("metrics", "--format", "pdf"), "invalid choice: 'pdf'"),
    ],
)
def test_wrong_use_is_one_line_and_status_2(arguments: tuple[str, ...], said: str) -> None:
    ended = run(*arguments)
    assert ended.returncode == 2
    assert said in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert ended.stdout == ""


def test_no_configuration_at_all_is_one_line_too() -> None:
    ended = run()
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1


def test_one_file_serves_all_commands_and_its_errors_are_one_line_with_status_2(
    tmp_path: Path,
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("namespace: a\nmetrics:\n  include: ['*_state']\n  exclude: crwal_*\n")
    for command in (("serve",), ("snapshot", "-")):
        ended = run(*command, f"--config.file={file}")
        assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
        assert (
            f"{file}:4: metrics.exclude: expected a pattern that matches a metric" in ended.stderr
        )
    file.write_text("namespace: a\nmetrics: {include: ['*_state']}\nhistory: {path: /missing.db}\n")
    shown = run("snapshot", "-", stdin="{}", BROWSERTRIX_EXPORTER_CONFIG_FILE=str(file))
    assert "browsertrix_crawl_size_bytes" not in shown.stdout
    listed = run("history", BROWSERTRIX_EXPORTER_CONFIG_FILE=str(file))
    assert (listed.returncode, listed.stderr.count("\n")) == (1, 1)
    assert "/missing.db" in listed.stderr


def test_the_metrics_command_prints_the_catalog() -> None:
    assert "browsertrix_crawl_state " in run("metrics").stdout
    assert run("metrics", "--format=markdown").stdout.startswith("# Metrics\n")
    families = json.loads(run("metrics", "--format=json").stdout)
    (size,) = [family for family in families if family["name"] == "browsertrix_crawl_size_bytes"]
    assert size["labels"] == ["namespace", "oid", "crawl"]
    assert size["type"] == "gauge"
    assert size["source"] == "status.size"


class TestSnapshot:
    def test_a_list_in_json_from_standard_input(self) -> None:
        items = [crawljob(crawl="a", status={"size": 7}), crawljob(crawl="b", status={"size": 8})]
        ended = run("snapshot", "-", stdin=json.dumps({"kind": "List", "items": items}))
        assert (ended.returncode, ended.stderr) == (0, "")
        found = samples(ended.stdout)
        assert found["browsertrix_crawl_size_bytes a"] == 7
        assert found["browsertrix_crawl_size_bytes b"] == 8

    def test_several_yaml_documents_from_a_file(self, tmp_path: Path) -> None:
        file = tmp_path / "crawls.yaml"
        file.write_text(yaml.safe_dump_all([crawljob(crawl="a"), crawljob(crawl="b")]))
        ended = run("snapshot", str(file), "--format=openmetrics")
        assert (ended.returncode, ended.stderr) == (0, "")
        assert ended.stdout.endswith("# EOF\n")
        assert ended.stdout.count("browsertrix_crawl_state{") == 2

    def test_problems_name_object_and_field_and_the_rest_is_served(self) -> None:
        bad = crawljob(crawl="a", status={"size": "seven@example.org", "pagesDone": 5})
        ended = run("snapshot", "-", stdin=json.dumps(bad))
        assert ended.returncode == 0, "the object was usable"
        assert "CrawlJob crawlers/crawljob-a: status.size is left out: expected" in ended.stderr
        assert "example.org" not in ended.stderr, "never the value"
        found = samples(ended.stdout)
        assert "browsertrix_crawl_size_bytes a" not in found
        assert found["browsertrix_crawl_pages_done a"] == 5
        assert found["browsertrix_malformed_crawljobs "] == 1

    def test_an_unusable_object_is_reported_and_ends_with_status_1(self) -> None:
        nameless = crawljob(crawl="a")
        del nameless["metadata"]["name"]
        documents = yaml.safe_dump_all([nameless, crawljob(crawl="b", status={"size": 8})])
        ended = run("snapshot", "-", stdin=documents)
        assert ended.returncode == 1
        assert "document 1" in ended.stderr
        assert "metadata.name" in ended.stderr
        assert samples(ended.stdout)["browsertrix_crawl_size_bytes b"] == 8

    def test_what_is_no_manifest_ends_with_status_1(self, tmp_path: Path) -> None:
        assert run("snapshot", "-", stdin="}{").returncode == 1
        missing = run("snapshot", str(tmp_path / "missing"))
        assert (missing.returncode, missing.stdout) == (1, "")
        assert missing.stderr == f"{tmp_path / 'missing'}: No such file or directory\n"

    def test_an_object_given_twice_counts_once(self) -> None:
        items = [crawljob(crawl="a", status={"size": 7}), crawljob(crawl="a", status={"size": 8})]
        ended = run("snapshot", "-", stdin=json.dumps({"kind": "List", "items": items}))
        assert "crawljob-a: given again; the later one counts" in ended.stderr
        assert samples(ended.stdout)["browsertrix_crawl_size_bytes a"] == 8
        assert 'browsertrix_crawls{namespace="crawlers",state="running"} 1.0' in ended.stdout

    def test_patterns_choose_and_the_pause_limit_is_taken(self) -> None:
        paused = crawljob(
            crawl="a", spec={"pausedAt": "2025-05-21T12:00:00Z"}, status={"state": "paused"}
        )
        ended = run(
            *("snapshot", "-", "--pause-limit=1h", "--metrics.include=*_timestamp_seconds"),
            *("--metrics.exclude", "browsertrix_pod_*"),
            stdin=json.dumps(paused),
        )
        found = samples(ended.stdout)
        assert found["browsertrix_crawl_pause_expires_timestamp_seconds a"] == 1747828800 + 3600
        assert not [name for name in found if "timestamp" not in name or "pod" in name]
