"""promtool's unit tests of rules, written short: cases in YAML, and promtool to run them.

A case is a YAML file named after its alert: the labels, summary and description the alert has when
it fires (its links follow from its name), and tests, each with series (in promtool's notation), the
times at which it does not fire (``quiet``) and those at which it does (``fires``; where the
description has a ``$value``, each with the text it has then). ``subject`` is what a title calls it,
where that is not its ids. Where several alerts of the name fire at once, ``each`` has the labels
that tell them apart. ``$crawl``, ``$pod``, ``$other``, ``$org`` and ``$workflow`` stand for label
sets. The first test is also run with each series twice, as from a pair of exporters: it must fire
exactly as with one. ``evaluate`` is how often the rules are evaluated, of tests that last for
weeks.
"""

import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from string import Template
from typing import Any, Final

import yaml

from exporter.alerting.names import CRAWL_NAMES, ORG_NAMES, WORKFLOW_NAMES
from exporter.alerting.template import Links, expand
from exporter.resources.identity import POD_LABELS
from support.rules import ALERTS, read_groups
from support.tools import ROOT, Edition

RULES: Final = ROOT / "alerts" / "browsertrix.rules.yaml"
NAMES: Final = frozenset({ORG_NAMES, WORKFLOW_NAMES, CRAWL_NAMES})


def _label_set(*values: str) -> str:
    """A crawl's labels or, with a fourth value, a pod's, as in a selector."""
    return ",".join(f'{name}="{value}"' for name, value in zip(POD_LABELS, values, strict=False))


_LABEL_SETS: Final = {
    "crawl": _label_set("crawlers", "org-1", "manual-1"),
    "pod": _label_set("crawlers", "org-1", "manual-1", "crawl-manual-1-0"),
    "other": _label_set("crawlers", "org-2", "manual-2"),
    "org": 'oid="org-1"',
    "workflow": 'oid="org-1",cid="cid-1"',
}
PAIR: Final = ("10.0.0.1:10937", "10.0.0.2:10937")


def read_case(path: Path) -> dict[str, Any]:
    case = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(case, dict), path
    unknown = set(case) - {"labels", "summary", "description", "tests", "pair", "evaluate"}
    assert not unknown, f"{path}: {unknown}"
    return case


def assert_rules_pass(edition: Edition, folder: Path, test: dict[str, Any]) -> None:
    """Run one of promtool's own unit tests, on rule files in the folder."""
    (folder / "test.yaml").write_text(yaml.safe_dump(test), encoding="utf-8")
    ran = subprocess.run(
        [edition.require("promtool"), "test", "rules", "test.yaml"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


@cache
def committed_groups() -> list[dict[str, Any]]:
    """The groups of the committed rules, as Prometheus reads them."""
    return read_groups(RULES.read_text(encoding="utf-8"))


def rules_of(alert: str, *, named: bool = False) -> dict[str, Any]:
    """An alert of the committed rules alone, with the recording rules and alerts it depends on.

    promtool evaluates all rules of a file at every step: all of them take a hundred times longer.
    So those of names, which texts look up, are there only where they are wanted.
    """
    groups = committed_groups()
    rules = [rule for group in groups for rule in group["rules"]]
    needed = [rule for rule in rules if rule.get("alert") == alert]
    if named:
        needed += [rule for rule in rules if rule.get("record") in NAMES]
    for rule in needed:  # grows as dependencies are found
        needed += [
            other
            for other in rules
            if other not in needed and (other.get("record") or other["alert"]) in rule["expr"]
        ]
    return {
        "groups": [
            group | {"rules": kept}
            for group in groups
            if (kept := [rule for rule in group["rules"] if rule in needed])
        ]
    }


def promtool_file(alert: str, case: dict[str, Any]) -> dict[str, Any]:
    """A case as promtool reads it."""
    return {
        "rule_files": [f"{alert}.rules.yaml"],
        "evaluation_interval": case.get("evaluate", "1m"),
        # Else promtool evaluates groups in any order, those on exporters after those that use them.
        "group_eval_order": [
            group["name"] for group in rules_of(alert, named=_is_named(case))["groups"]
        ],
        "tests": [
            _test(alert, case, test, instances)
            for number, test in enumerate(case["tests"])
            for instances in ((None,), PAIR)
            if instances == (None,) or (number == 0 and case.get("pair", True))
        ],
    }


def _is_named(case: dict[str, Any]) -> bool:
    return any("browsertrix_org_info" in name for test in case["tests"] for name in test["series"])


def _test(
    alert: str, case: dict[str, Any], test: dict[str, Any], instances: tuple[str | None, ...]
) -> dict[str, Any]:
    unknown = set(test) - {"that", "series", "quiet", "fires", "every", "labels"}
    unknown -= {"description", "subject", "each"}
    assert not unknown, f"{alert}: {unknown}"
    numbers = [name for name, values in test["series"].items() if not isinstance(values, str)]
    assert not numbers, f"{alert}: to YAML 0x60 is a number; quote the values of {numbers}"
    return {
        "name": f"{alert}: {test['that']}" + (" (a pair)" if len(instances) > 1 else ""),
        "interval": test.get("every", "1m"),
        "input_series": [
            {"series": _series(name, instance), "values": values}
            for name, values in test["series"].items()
            for instance in instances
        ],
        "alert_rule_test": [
            *({"eval_time": at, "alertname": alert} for at in test.get("quiet", ())),
            *(
                {
                    "eval_time": at,
                    "alertname": alert,
                    "exp_alerts": [
                        _expected(
                            alert, case, test | {"labels": test.get("labels", {}) | one}, value
                        )
                        for one in test.get("each", ({},))
                    ],
                }
                for at, value in _fires(test).items()
            ),
        ],
    }


def _series(name: str, instance: str | None) -> str:
    written = Template(name).substitute(_LABEL_SETS)
    if instance is None:
        return written
    metric, _, labels = written.partition("{")
    both = [f'instance="{instance}"', *filter(None, [labels.removesuffix("}")])]
    return f"{metric}{{{','.join(both)}}}"


def _fires(test: dict[str, Any]) -> dict[str, str]:
    """The times at which it fires, each with what ``$value`` stands for then."""
    fires = test.get("fires", ())
    return {at: str(fires[at]) if isinstance(fires, dict) else "" for at in fires}


def _expected(alert: str, case: dict[str, Any], test: dict[str, Any], value: str) -> dict[str, Any]:
    (rule,) = (one for one in ALERTS if one.name == alert)
    labels = case["labels"] | test.get("labels", {})
    annotations = Links().annotations(rule)
    links = {
        name: expand(text, labels)
        for name, text in annotations.items()
        if name not in {"summary", "subject", "description"}
    }
    description = test.get("description", case["description"])
    texts = {"summary": case["summary"], "description": description.replace("$value", value)}
    if "subject" in annotations:
        texts["subject"] = test.get("subject", _ids(labels))
    known = {name: text for name, text in labels.items() if text}  # an empty one is none
    return {"exp_labels": known, "exp_annotations": links | texts}


def _ids(labels: dict[str, str]) -> str:
    """What a title calls an alert where no names are known; empty where it has no organisation."""
    if "crawl" in labels:
        return labels["crawl"]
    if "cid" in labels:
        return f"{labels['cid']} of organisation {labels['oid']}"
    return labels.get("oid", "")


def run_rule_tests(edition: Edition, cases: dict[str, dict[str, Any]], folder: Path) -> str:
    """Run them all, one process a core; returns promtool's failures, empty when all passed."""
    promtool = edition.require("promtool")
    for alert, case in cases.items():
        for name, content in (
            (f"{alert}.rules.yaml", rules_of(alert, named=_is_named(case))),
            (f"{alert}.yaml", promtool_file(alert, case)),
        ):
            (folder / name).write_text(yaml.safe_dump(content), encoding="utf-8")

    def run(alerts: list[str]) -> str:
        ran = subprocess.run(
            [promtool, "test", "rules", *(f"{alert}.yaml" for alert in alerts)],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        return "" if ran.returncode == 0 else "\n".join(_failures(ran.stdout + ran.stderr))

    cores = os.cpu_count() or 1
    shares = [share for core in range(cores) if (share := list(cases)[core::cores])]
    with ThreadPoolExecutor(cores) as pool:
        return "\n".join(filter(None, pool.map(run, shares)))


def _failures(output: str) -> Iterator[str]:
    for line in output.splitlines():
        if line.strip() not in ("SUCCESS", "") and not line.startswith("Unit Testing:"):
            yield line
