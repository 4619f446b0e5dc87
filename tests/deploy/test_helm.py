"""The real helm, where it could be built, says and makes the same as its engine in the tests."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.values import CHART
from support.chart import ALL_VALUES, NAMESPACE, made
from support.tools import ROOT, require_built


def helm(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [require_built("helm"), *arguments], capture_output=True, text=True, check=False
    )


@ALL_VALUES
def test_it_renders_the_same(values: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(values))

    ran = helm(
        "template", "browsertrix-exporter", CHART, "--namespace", NAMESPACE, "--values", file
    )

    assert ran.returncode == 0, ran.stderr
    rendered = [one for one in yaml.safe_load_all(ran.stdout) if one]
    assert sorted(rendered, key=_key) == sorted(made(values), key=_key)


def _key(one: dict[str, Any]) -> tuple[str, str, str]:
    return (one["kind"], one["metadata"]["name"], one["metadata"].get("namespace", ""))


def test_it_lints_without_a_warning() -> None:
    ran = helm("lint", "--strict", CHART)

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "[WARNING]" not in ran.stdout
    assert "[ERROR]" not in ran.stdout


def test_what_the_docs_set_on_the_command_line_it_takes() -> None:
    ran = helm(
        *("template", "browsertrix-exporter", CHART, "--namespace", "crawlers"),
        *("--set", "podSecurityContext.fsGroup=null"),
    )

    assert ran.returncode == 0, ran.stderr
    assert "fsGroup" not in ran.stdout


def examples() -> list[str]:
    """The values that docs/installation.md shows."""
    docs = (ROOT / "docs/installation.md").read_text().partition("\n## Helm\n")[2]
    blocks = [
        part.partition("```")[0] for part in docs.partition("\n## ")[0].split("```yaml\n")[1:]
    ]
    assert len(blocks) == 2
    return blocks


@pytest.mark.parametrize("example", examples(), ids=["kube-prometheus-stack", "more"])
def test_the_values_of_the_docs_are_accepted_and_each_changes_what_is_made(example: str) -> None:
    values = yaml.safe_load(example)
    whole = made(values)

    for name in values:
        without = {key: value for key, value in values.items() if key != name}
        assert made(without) != whole, f"{name} does nothing"
