"""The rules as they are committed: with the thresholds as they stand."""

from typing import Final

from exporter.rules import AlertingRule, RecordingRule, Thresholds, rule_groups

GROUPS: Final = rule_groups(Thresholds())
RULES: Final = tuple(rule for group in GROUPS for rule in group.rules)
ALERTS: Final = tuple(rule for rule in RULES if isinstance(rule, AlertingRule))
RECORDS: Final = tuple(rule for rule in RULES if isinstance(rule, RecordingRule))
