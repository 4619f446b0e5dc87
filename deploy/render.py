"""The chart as Helm renders it, by Helm's own engine (helm-python-sdk); without a cluster."""

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import helm_python
import yaml

from deploy.values import CHART

RELEASE: Final = "browsertrix-exporter"
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""In C where it is there: the rules take a second otherwise."""


def render(
    values: Mapping[str, Any], *, release: str = RELEASE, namespace: str = "crawlers"
) -> dict[str, str]:
    """The texts by the names of their templates; HelmError where Helm refuses the values."""
    texts = _chart().render(dict(values), name=release, namespace=namespace)
    return {name.partition("/templates/")[2]: text for name, text in texts.items() if text.strip()}


@cache
def _chart() -> helm_python.Chart:
    """The chart as it is when it is first rendered: reading it takes longer than rendering it."""
    return helm_python.Chart.load(CHART)


def objects(texts: Mapping[str, str]) -> list[dict[str, Any]]:
    """The Kubernetes objects of what was rendered."""
    return [
        found
        for name, text in sorted(texts.items())
        if name.endswith(".yaml")
        for found in yaml.load_all(text, _LOADER)
        if found
    ]
