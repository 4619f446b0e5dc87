"""Alerting and recording rules for Prometheus: declared here as data, written as YAML.

An operator loads ``alerts/browsertrix.rules.yaml`` (or applies ``alerts/prometheusrule.yaml``), or
makes their own with ``browsertrix-exporter rules``. Declared in Python so that every threshold
stands in one place (``thresholds``), every alert is one readable declaration, and rules,
documentation, what the exporter posts and the tests cannot drift apart.

Patterns that all declarations share, each because the obvious alternative paged for nothing:

- Events ("ended as") stand on timestamps, looked back on with ``last_over_time``: neither a restart
  nor a scrape gap can repeat or lose them. No ``for``.
- How long something has been so is a timestamp that is served, compared with ``time()``. What has
  no such timestamp has a ``for`` of ten minutes or more, which Prometheus restores.
- ``max by (…)`` merges a pair of exporters; one that is left behind by the other is left out, and
  nothing begins on what exporters say while none of them is in sync (``conditions``).
- ``cluster`` is kept everywhere (``promql``).
- A condition keeps firing through a gap in the scrapes (``keep_firing_for``).
- The recording rules of an alert are in its own group, so that they are evaluated right before it;
  those on the exporters, which change slowly, are in the first.
"""

from exporter.rules import (
    ended,
    indexes,
    jobs,
    limits,
    names,
    organisations,
    paused,
    pods,
    recordings,
    self_monitoring,
    stuck,
    volumes,
    workflows,
)
from exporter.rules.rule import AlertingRule, RecordingRule, RuleGroup
from exporter.rules.thresholds import Thresholds

__all__ = ["AlertingRule", "RecordingRule", "RuleGroup", "Thresholds", "rule_groups"]


def rule_groups(at: Thresholds) -> tuple[RuleGroup, ...]:
    """All groups with these thresholds."""
    return (
        recordings.exporters(at),
        recordings.GROUP,
        names.group(at),
        ended.group(),
        ended.failures(at),
        paused.group(at),
        limits.group(at),
        pods.events(at),
        pods.conditions(at),
        volumes.group(at),
        indexes.group(at),
        stuck.group(at),
        organisations.quotas(at),
        organisations.predictions(at),
        workflows.group(at),
        jobs.group(at),
        self_monitoring.group(at),
    )
