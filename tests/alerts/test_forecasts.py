"""The records of how long what is left lasts; apart, for a week of all rules would take minutes."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.rules.organisations import MINUTES_LEFT, STORAGE_LEFT
from support.promtool import assert_rules_pass, rules_of
from support.tools import Edition


def _organisation(name: str, **series: str) -> list[dict[str, str]]:
    return [
        {"series": f'browsertrix_org_{metric}{{oid="{name}",instance="{instance}"}}', "values": one}
        for metric, one in series.items()
        for instance in ("a", "b")
    ]


@pytest.mark.parametrize(
    ("alert", "record", "series", "left"),
    [
        (
            "BrowsertrixOrgStorageFullWithinDays",
            STORAGE_LEFT,
            [
                *_organisation(
                    "fills", storage_projected_bytes="600+0.6x432", storage_quota_bytes="1000x432"
                ),
                *_organisation(
                    "is-new",
                    storage_projected_bytes="_x120 600+0.6x312",
                    storage_quota_bytes="1000x432",
                ),
                *_organisation(
                    "shrinks", storage_projected_bytes="900-0.6x432", storage_quota_bytes="1000x432"
                ),
                *_organisation("has-no-quota", storage_projected_bytes="600+0.6x432"),
            ],
            {"fills": 422_400},
        ),
        (
            "BrowsertrixOrgMinutesGoneBeforeMonthEnd",
            MINUTES_LEFT,
            [
                *_organisation(
                    "crawls",
                    exec_month_seconds="0+10x432",
                    billed_exec_seconds="0+10x432",
                    exec_quota_seconds="14320x432",
                ),
                *_organisation(
                    "is-new",
                    exec_month_seconds="_x120 0+10x312",
                    billed_exec_seconds="0+10x432",
                    exec_quota_seconds="14320x432",
                ),
                *_organisation(
                    "rests",
                    exec_month_seconds="50x432",
                    billed_exec_seconds="50x432",
                    exec_quota_seconds="14320x432",
                ),
            ],
            {"crawls": 1_800_000},
        ),
    ],
)
def test_what_is_left_lasts_as_the_last_week_says(  # noqa: PLR0917
    edition: Edition,
    tmp_path: Path,
    alert: str,
    record: str,
    series: list[dict[str, str]],
    left: dict[str, float],
) -> None:
    """Once from a pair; nothing of those without a week, that use none, or may use any."""
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules_of(alert)), encoding="utf-8")
    expected = [{"labels": f'{{oid="{name}"}}', "value": value} for name, value in left.items()]
    asked = {"expr": f"round({record})", "eval_time": "9d", "exp_samples": expected}
    test: dict[str, Any] = {
        "interval": "30m", "input_series": series, "promql_expr_test": [asked],
    }  # fmt: skip
    assert_rules_pass(
        edition,
        tmp_path,
        {"rule_files": ["rules.yaml"], "evaluation_interval": "30m", "tests": [test]},
    )
