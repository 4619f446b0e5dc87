"""``rules``: the alerting and recording rules as files, with what a user has set of them."""

import sys
from collections.abc import Mapping
from pathlib import Path

from exporter.alerting.tuning import AlertTuning
from exporter.rules.render import prometheus_rule, rule_file
from exporter.rules.tuning import tuned_groups
from exporter.settings import Settings


def write_rules(
    settings: Settings, form: str, metadata_labels: Mapping[str, str], output: Path | None
) -> None:
    """Write them to a file, or to standard output.

    Notes on what was left out unasked go to standard error. Raises InvalidSettingError, before
    anything is written, and OSError.
    """
    groups, notes = tuned_groups(settings)
    tuning = AlertTuning.of(settings).for_cluster_label(settings.alerts_cluster_label)
    text = (
        rule_file(groups, tuning)
        if form == "rules"
        else prometheus_rule(groups, tuning, metadata_labels)
    )
    for note in notes:
        sys.stderr.write(f"{note}\n")
    if output is None:
        sys.stdout.write(text)
    else:
        output.write_text(text, encoding="utf-8")
