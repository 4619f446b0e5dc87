"""The examples of docs/tls-and-users.md, read by who is to read them."""

import re
import subprocess
from pathlib import Path
from typing import Final

import pytest
import yaml

from exporter.settings.model import Web
from exporter.web.config.parsing import parse
from support.tools import ROOT, Edition

PAGE: Final = (ROOT / "docs" / "tls-and-users.md").read_text(encoding="utf-8")
BLOCKS: Final = dict(re.findall(r"^```yaml (\S+)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE))


def test_the_web_configuration_is_one(tmp_path: Path) -> None:
    file = tmp_path / "web.yml"
    file.write_text(BLOCKS["web.yml"])
    config = parse(file)
    assert config.tls is not None
    assert config.tls.files == tuple(tmp_path / name for name in ("tls.crt", "tls.key", "ca.crt"))
    assert list(config.users) == ["prometheus"]
    assert config.rate_limit is not None


@pytest.mark.slow("runs promtool")
@pytest.mark.parametrize("edition", Edition)
def test_prometheus_takes_the_scrape_configuration(tmp_path: Path, edition: Edition) -> None:
    file = tmp_path / "prometheus.yml"
    file.write_text(BLOCKS["prometheus.yml"])
    subprocess.run(
        [edition.require("promtool"), "check", "config", "--syntax-only", file], check=True
    )


def test_the_monitor_scrapes_as_the_one_that_is_deployed() -> None:
    overlay = ROOT / "deploy" / "kustomize" / "overlays" / "prometheus-operator"
    deployed = yaml.safe_load((overlay / "servicemonitor.yaml").read_text())
    monitor = yaml.safe_load(BLOCKS["servicemonitor.yaml"])
    selected = monitor["spec"]["selector"]["matchLabels"].items()
    assert selected <= deployed["spec"]["selector"]["matchLabels"].items()
    (endpoint,), (plain,) = monitor["spec"]["endpoints"], deployed["spec"]["endpoints"]
    assert (endpoint["port"], endpoint["honorLabels"]) == (plain["port"], plain["honorLabels"])


def test_the_container_has_options_that_there_are() -> None:
    container = yaml.safe_load(BLOCKS["container"])
    options = {f"--{field.alias}" for field in Web.model_fields.values()}
    assert {one.partition("=")[0] for one in container["args"]} <= options
