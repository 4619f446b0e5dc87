"""Alerting and recording rules for Prometheus: declared here as data, written as YAML.

An operator loads ``browsertrix.rules.yaml`` (or applies ``prometheusrule.yaml``) and needs nothing
of this package. It exists so that every threshold stands in one place (``thresholds``), every
alert is one readable declaration, and rules, documentation and tests cannot drift apart.

Patterns that all declarations share, each because the obvious alternative paged for nothing:

- ``max by (…)`` merges a pair of exporters, and drops what would make one alert two.
- Events ("ended as") stand on timestamps that Browsertrix wrote, looked back on with
  ``last_over_time``: neither a restart nor a scrape gap can repeat or lose them. No ``for``.
- The recording rules of an alert are in its own group, so that they are evaluated right before it.
- Conditions that last have ``for``, and either look over a lost scrape (where ``for`` is so long
  that a few minutes do not matter) or keep firing through one (``keep_firing_for``).
"""

from typing import Final

from alerts import ended, limits, paused, pods, recordings, self_monitoring, stuck
from alerts.rule import AlertingRule, RecordingRule, RuleGroup

GROUPS: Final[tuple[RuleGroup, ...]] = (
    recordings.GROUP,
    ended.GROUP,
    paused.GROUP,
    limits.GROUP,
    pods.EVENT_ALERTS,
    pods.CONDITIONS,
    stuck.GROUP,
    self_monitoring.GROUP,
)
ALERTS: Final[tuple[AlertingRule, ...]] = tuple(
    rule for group in GROUPS for rule in group.rules if isinstance(rule, AlertingRule)
)
RECORDS: Final[tuple[RecordingRule, ...]] = tuple(
    rule for group in GROUPS for rule in group.rules if isinstance(rule, RecordingRule)
)
