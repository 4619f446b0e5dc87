import re
import subprocess
from pathlib import Path
from typing import Final

import pytest

from exporter.rules.organisations import MINUTES_LEFT, STORAGE_LEFT
from support.promtool import read_case, run_rule_tests
from support.rules import ALERTS, RECORDS
from support.tools import Edition

pytestmark = pytest.mark.slow("promtool tests every alert")

_FORECASTS: Final = {STORAGE_LEFT, MINUTES_LEFT}
"""Records that need a week: see ``test_forecasts``."""
CASES: Final = {path.stem: path for path in sorted((Path(__file__).parent / "rules").glob("*"))}


def test_every_alert_fires_when_it_should_and_is_quiet_otherwise(
    edition: Edition, tmp_path: Path
) -> None:
    cases = {alert: read_case(path) for alert, path in CASES.items()}

    complaints = run_rule_tests(edition, cases, tmp_path)

    assert not complaints, f"\n{complaints}"


def test_every_recording_rule_says_what_it_should(edition: Edition) -> None:
    records = Path(__file__).parent / "records.yaml"

    ran = subprocess.run(
        [edition.require("promtool"), "test", "rules", records.name],
        cwd=records.parent,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 0, ran.stdout + ran.stderr
    text = records.read_text(encoding="utf-8")
    asked = set(re.findall(r"(?<![\w:])[a-z_]+:[\w:]+", "\n".join(re.findall("expr: .*", text))))
    assert asked == {record.name for record in RECORDS} - _FORECASTS


def test_every_alert_has_a_case_and_every_case_an_alert() -> None:
    assert set(CASES) == {alert.name for alert in ALERTS}


@pytest.mark.parametrize("alert", sorted(CASES))
def test_every_case_has_the_step_before_it_fires_and_its_end(alert: str) -> None:
    tests = read_case(CASES[alert])["tests"]

    assert any("quiet" in test and "fires" in test for test in tests)
