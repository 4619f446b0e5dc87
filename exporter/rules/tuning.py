"""The rules as a user has set them: thresholds, alerts left out, severities, labels.

Each setting is checked against what there is, and refused with what is nearest to it.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from difflib import get_close_matches
from typing import Final

from pydantic import ValidationError

from exporter.alerting.event_alerts import format_duration
from exporter.alerting.template import Severity
from exporter.alerting.tuning import AlertTuning
from exporter.rules import AlertingRule, RecordingRule, RuleGroup, Thresholds, rule_groups
from exporter.rules.promql import CLUSTER
from exporter.settings import InvalidSettingError, Settings

RESERVED_LABELS: Final = frozenset(
    {"alertname", "severity", "event", "namespace", "oid", "crawl", "pod", "cid", "level", "type"}
)
"""That alerts have, or Prometheus gives them."""
EXPIRY_WARNINGS: Final = {
    "BrowsertrixCrawlPauseExpiresInADay": "pause_day",
    "BrowsertrixCrawlPauseExpiresInAnHour": "pause_hour",
}
"""Alerts that come so long before a pause expires; of no use where pauses are shorter."""


def thresholds(settings: Settings) -> Thresholds:
    """The thresholds with those that were set. Raises InvalidSettingError."""
    given = {}
    for name, value in settings.alerts_thresholds:
        if name.lower() not in Thresholds.model_fields:
            known = map(str.upper, Thresholds.model_fields)
            raise _unknown("threshold", name, known, "alerts_thresholds", f"{name}={value}")
        given[name.lower()] = value
    try:
        return Thresholds.model_validate(given)
    except ValidationError as error:
        (field, *_), why = error.errors()[0]["loc"], error.errors()[0]["msg"]
        name, value = next(one for one in settings.alerts_thresholds if one[0].lower() == field)
        why = why.removeprefix("Value error, ").removeprefix("Input should be ")
        raise InvalidSettingError(
            f"{name}: {why}", "alerts_thresholds", value=f"{name}={value}"
        ) from None


def tuned_groups(settings: Settings) -> tuple[tuple[RuleGroup, ...], tuple[str, ...]]:
    """The groups, and notes on what was left out unasked. Raises InvalidSettingError."""
    at = thresholds(settings)
    groups = rule_groups(at)
    check(settings, groups)
    tuning = AlertTuning.of(settings)
    early = dict(_never_in_time(at, settings.pause_limit))
    without = tuning.without | early.keys()
    kept = tuple(_tuned(group, tuning, without) for group in groups)
    notes = tuple(note for name, note in early.items() if name not in tuning.without)
    named = tuple(_with_cluster_label(group, settings.alerts_cluster_label) for group in kept)
    return tuple(group for group in named if group.rules), notes


def check(settings: Settings, groups: Iterable[RuleGroup] | None = None) -> None:
    """Refuse what names no alert, no severity, or a label that alerts have already."""
    rules = (rule for group in groups or rule_groups(Thresholds()) for rule in group.rules)
    known = {rule.name for rule in rules if isinstance(rule, AlertingRule)}
    for name in settings.alerts_without:
        if name not in known:
            raise _unknown("alert", name, known, "alerts_without", name)
    for name, level in settings.alerts_severities:
        if name not in known:
            raise _unknown("alert", name, known, "alerts_severities", f"{name}={level}")
        if level not in Severity.__members__.values():
            raise InvalidSettingError(
                f"{name}: expected one of {', '.join(Severity)}",
                "alerts_severities",
                value=f"{name}={level}",
            )
    for name, value in settings.alerts_labels:
        if name in RESERVED_LABELS:
            raise InvalidSettingError(
                f"alerts have a label {name} of their own",
                "alerts_labels",
                value=f"{name}={value}",
            )


def _unknown(
    what: str, name: str, known: Iterable[str], field: str, value: str
) -> InvalidSettingError:
    close = get_close_matches(name.upper() if what == "threshold" else name, list(known), n=1)
    hint = f"; did you mean {close[0]}?" if close else "; docs/alerts.md lists them"
    return InvalidSettingError(f"there is no {what} {name}{hint}", field, value=value)


def _never_in_time(at: Thresholds, pause_limit: float) -> Iterator[tuple[str, str]]:
    """Warnings of an expiry that would fire from the beginning of every pause."""
    for name, threshold in EXPIRY_WARNINGS.items():
        if (within := getattr(at, threshold)) >= pause_limit:
            limit = format_duration(int(pause_limit))
            note = f"{name} is left out: pauses expire after {limit}, and it warns "
            yield name, note + f"{format_duration(within)} before"


def _tuned(group: RuleGroup, tuning: AlertTuning, without: frozenset[str]) -> RuleGroup:
    """Without these alerts, and without the records that they alone stand on."""
    alerts = [rule for rule in group.rules if isinstance(rule, AlertingRule)]
    left = [rule for rule in alerts if rule.name not in without]
    needed = " ".join(rule.expr for rule in group.rules if rule not in alerts or rule in left)

    def is_kept(rule: AlertingRule | RecordingRule) -> bool:
        if isinstance(rule, AlertingRule):
            return rule.name not in without
        was_needed = any(rule.name in alert.expr for alert in alerts)
        return not was_needed or rule.name in needed

    rules = tuple(
        tuning.apply(rule) if isinstance(rule, AlertingRule) else rule
        for rule in group.rules
        if is_kept(rule)
    )
    return replace(group, rules=rules)


def _with_cluster_label(group: RuleGroup, label: str) -> RuleGroup:
    """Nothing else in an expression is called as that label is; a test looks."""
    if label == CLUSTER:
        return group
    named = re.compile(rf"\b{CLUSTER}\b")
    in_text = re.compile(rf"\b{CLUSTER}(?==%q)|(?<=\$labels\.){CLUSTER}\b")

    def renamed(rule: AlertingRule | RecordingRule) -> AlertingRule | RecordingRule:
        expr = named.sub(label, rule.expr)
        if isinstance(rule, RecordingRule):
            return replace(rule, expr=expr)
        return replace(rule, expr=expr, description=in_text.sub(label, rule.description))

    return replace(group, rules=tuple(map(renamed, group.rules)))
