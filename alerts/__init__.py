"""Alert and recording rules for Prometheus: declared here as data, written as YAML.

An operator loads ``browsertrix.rules.yaml`` (or applies ``prometheusrule.yaml``) and needs nothing
of this package. It exists so that every threshold stands in one place (``thresholds``), every
alert is one readable declaration, and rules, documentation and tests cannot drift apart.

Patterns that all declarations share, each because the obvious alternative paged for nothing:

- ``max by (…)`` merges a pair of exporters, and drops what would make one alert two.
- What happened ("ended as") stands on moments that Browsertrix wrote, looked back on with
  ``last_over_time``: neither a restart nor a scrape gap can repeat or lose it. No ``for``.
- What an alert records for itself is in its own group, so that it is evaluated right before it.
- What lasts has ``for``, and either looks over a lost scrape itself (where ``for`` is so long that
  a few minutes do not matter) or keeps firing through one (``keep_firing_for``).
"""

from typing import Final

from alerts import ended, itself, limits, paused, pods, recordings, stuck
from alerts.declaration import Alert, Group, Record

GROUPS: Final[tuple[Group, ...]] = (
    recordings.GROUP,
    ended.GROUP,
    paused.GROUP,
    limits.GROUP,
    pods.EVENTS,
    pods.CONDITIONS,
    stuck.GROUP,
    itself.GROUP,
)
ALERTS: Final[tuple[Alert, ...]] = tuple(
    rule for group in GROUPS for rule in group.rules if isinstance(rule, Alert)
)
RECORDS: Final[tuple[Record, ...]] = tuple(
    rule for group in GROUPS for rule in group.rules if isinstance(rule, Record)
)
