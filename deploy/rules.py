"""The alerting rules as data for the chart: with places where a user's thresholds go.

Helm's templates cannot run Python, and the rules are made by it. So they are made once, with a
number for each threshold that occurs nowhere else, and wherever such a number comes out, in one of
few forms, a place is left for it: ``@{CAPACITY_HOLD}``, ``@{CAPACITY_HOLD:duration}``. The template
fills the places, and leaves out and labels alerts; a test compares what it makes with what
``browsertrix-exporter rules`` makes of the same settings.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from typing import Any, Final, Literal

import yaml
from pydantic.fields import FieldInfo

from exporter.alerting.event_alerts import format_duration
from exporter.alerting.tuning import ENDS_THAT_PAGE, AlertTuning
from exporter.rules.render import as_yaml, rule_file
from exporter.rules.thresholds import Thresholds
from exporter.rules.tuning import EXPIRY_WARNINGS, tuned_groups
from exporter.settings import Settings
from exporter.settings.defaults import DEFAULT_RUNBOOKS

Kind = Literal["seconds", "share", "count"]
CLUSTER: Final = "cluster_label_of_the_chart"
RUNBOOKS: Final = "runbooks_of_the_chart"
GRAFANA: Final = "grafana_of_the_chart"

_FORMS: Final[Mapping[Kind, Mapping[str, Callable[[Any], str]]]] = {
    "seconds": {
        "": str,
        "duration": format_duration,
        "half": lambda seconds: str(seconds // 2),
        "halfDuration": lambda seconds: format_duration(seconds // 2),
        "minutesButOne": lambda seconds: str(max(1, seconds // 60 - 1)),
    },
    "share": {"": str, "half": lambda share: str(share / 2)},
    "count": {"": str},
}
"""The ways in which rules write a threshold."""


def kind(declared: FieldInfo) -> Kind:
    """What a threshold is."""
    if declared.annotation is float:
        return "share"
    return "seconds" if any(hasattr(one, "func") for one in declared.metadata) else "count"


def rules_data() -> str:
    """The rules as YAML, for ``templates/prometheusrule.yaml``."""
    given = _unlike_any_other()
    settings = Settings(
        alerts_thresholds=tuple((name.upper(), str(value)) for name, value in given.items()),
        alerts_cluster_label=CLUSTER,
        alerts_runbooks=RUNBOOKS,
        alerts_grafana=GRAFANA,
        pause_limit=float("inf"),
    )
    groups, _ = tuned_groups(settings)
    made = yaml.safe_load(rule_file(groups, AlertTuning.of(settings)))["groups"]
    places = dict(_places(given))
    numbers = re.compile(rf"(?<![\d.])(?:{'|'.join(map(re.escape, places))})(?!\w|\.\d)")
    words = {
        CLUSTER: "@{clusterLabel}",
        f"{RUNBOOKS}/": "@{runbookUrl}/",
        f"{GRAFANA}/": "@{grafanaUrl}/",
    }

    def filled(value: Any) -> Any:
        match value:
            case dict():
                return {key: filled(one) for key, one in value.items()}
            case list():
                return [filled(one) for one in value]
            case str():
                text = numbers.sub(lambda found: places[found[0]], value)
                for word, place in words.items():
                    text = text.replace(word, place)
                return text
        return value

    data = {
        "runbookUrl": DEFAULT_RUNBOOKS,
        "endsThatPage": list(ENDS_THAT_PAGE),
        "thresholds": {
            name.upper(): {"kind": kind(declared), "default": declared.default}
            for name, declared in Thresholds.model_fields.items()
        },
        "groups": [_annotated(filled(group)) for group in made],
    }
    return f"# Made of exporter/rules by `make docs`.\n{as_yaml(data)}"


def _annotated(group: dict[str, Any]) -> dict[str, Any]:
    """With what decides whether a rule is left out, below ``chart``, which the template removes."""
    rules = group["rules"]
    records = " ".join(rule["expr"] for rule in rules if "record" in rule)
    for rule in rules:
        if warns := EXPIRY_WARNINGS.get(rule.get("alert", "")):
            rule["chart"] = {"before": warns.upper()}
        users = [
            other["alert"]
            for other in rules
            if "record" in rule and "alert" in other and rule["record"] in other["expr"]
        ]
        if users and rule["record"] not in records:
            rule["chart"] = {"onlyFor": users}
    return group


def _unlike_any_other() -> dict[str, Any]:
    """For each threshold a number whose forms are no other's, nor in any rule: from a prime."""
    primes = (n for n in count(10_007, 2) if all(n % d for d in range(3, int(n**0.5) + 1, 2)))
    make: Mapping[Kind, Callable[[int], Any]] = {
        "seconds": lambda prime: 120 * prime,
        "share": lambda prime: prime / 100_000,
        "count": lambda prime: prime * 1001,
    }
    fields = Thresholds.model_fields.items()
    return {
        name: make[kind(declared)](prime)
        for (name, declared), prime in zip(fields, primes, strict=False)
    }


def _places(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    seen: set[str] = set()
    for name, value in given.items():
        for form, write in _FORMS[kind(Thresholds.model_fields[name])].items():
            text = write(value)
            if text in seen:
                raise ValueError(f"{text} stands for {name} and for another threshold")
            seen.add(text)
            yield text, f"@{{{name.upper()}{':' if form else ''}{form}}}"
