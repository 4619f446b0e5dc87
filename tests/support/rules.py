"""The rules as they are committed, with the thresholds as they stand; and those of a rule file."""

from typing import Any, Final

import yaml

from exporter.rules import AlertingRule, RecordingRule, Thresholds, rule_groups

GROUPS: Final = rule_groups(Thresholds())
RULES: Final = tuple(rule for group in GROUPS for rule in group.rules)
ALERTS: Final = tuple(rule for rule in RULES if isinstance(rule, AlertingRule))
RECORDS: Final = tuple(rule for rule in RULES if isinstance(rule, RecordingRule))
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""In C where it is there: a file takes a quarter of a second otherwise, and hundreds are read."""


def read_groups(text: str) -> list[dict[str, Any]]:
    """The groups of a rule file."""
    groups: list[dict[str, Any]] = yaml.load(text, _LOADER)["groups"]  # noqa: S506 - safe
    return groups


def by_name(groups: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The alerts and recording rules of all groups."""
    return {
        rule.get("alert") or rule["record"]: rule for group in groups for rule in group["rules"]
    }
