"""Groups of rules as files: a rule file of Prometheus, or a PrometheusRule of its operator."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import yaml

from exporter.alerting.event_alerts import format_duration
from exporter.alerting.template import rule_labels
from exporter.alerting.tuning import AlertTuning
from exporter.rules import AlertingRule, RecordingRule, RuleGroup

_HEADER: Final = "# Written by `browsertrix-exporter rules`, which is where to change it.\n"


def rule_file(groups: Sequence[RuleGroup], tuning: AlertTuning) -> str:
    """What Prometheus loads; needs Prometheus 2.42 or newer."""
    return _HEADER + as_yaml({"groups": _groups(groups, tuning)})


def prometheus_rule(
    groups: Sequence[RuleGroup], tuning: AlertTuning, metadata_labels: Mapping[str, str]
) -> str:
    """The same for the Prometheus operator, whose ``metadata_labels`` it is selected by."""
    return _HEADER + as_yaml(
        {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PrometheusRule",
            "metadata": {"name": "browsertrix-exporter", "labels": dict(metadata_labels)},
            "spec": {"groups": _groups(groups, tuning)},
        }
    )


def _groups(groups: Sequence[RuleGroup], tuning: AlertTuning) -> list[dict[str, Any]]:
    return [
        {
            "name": group.name,
            **({"interval": group.interval} if group.interval else {}),
            "rules": [_rule(rule, tuning) for rule in group.rules],
        }
        for group in groups
    ]


def _rule(rule: AlertingRule | RecordingRule, tuning: AlertTuning) -> dict[str, Any]:
    if isinstance(rule, RecordingRule):
        return {"record": rule.name, "expr": rule.expr}
    written: dict[str, Any] = {"alert": rule.name, "expr": rule.expr}
    if rule.for_:
        written["for"] = format_duration(rule.for_)
    if rule.keep_firing_for:
        written["keep_firing_for"] = format_duration(rule.keep_firing_for)
    written["labels"] = {**tuning.labels, **rule_labels(rule.severity, event=rule.event)}
    written["annotations"] = tuning.links.annotations(rule)
    return written


class _Dumper(yaml.SafeDumper):
    """YAML as a person would write it: expressions of several lines as blocks."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def as_yaml(content: Mapping[str, Any]) -> str:
    """As a person would write it: keys in their order, expressions of several lines as blocks."""
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, width=1000, allow_unicode=True)
