"""Configurations of Prometheus and Alertmanager: the files shipped for users, made to run here.

Rules and routes stay as they are committed. Only targets and receivers are put in, so
that what runs here (and in the tests) is what runs at a user's.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

RULES: Final = "browsertrix.rules.yaml"
ROUTES: Final = "alertmanager.yml"
JOB: Final = "browsertrix-exporter"
_NODES: Final = ("node-a", "node-b", "node-c")
"""Of the simulated cluster."""


def shipped(name: str) -> Path:
    """Find one of ``alerts/``: beside this file in a wheel, in that folder of the source."""
    beside = Path(__file__).with_name(name)
    return beside if beside.exists() else Path(__file__).parents[3] / "alerts" / name


def prometheus_config(
    targets: Sequence[str],
    every: str,
    *,
    path: str = "/metrics",
    rules: Path | None = None,
    alertmanager: str | None = None,
) -> dict[str, Any]:
    """Configure Prometheus: scrape ``targets`` and evaluate ``rules``, each ``every`` so long.

    Targets and ``alertmanager`` are URLs without a path.
    """

    def static(urls: Sequence[str]) -> list[dict[str, list[str]]]:
        return [{"targets": [url.removeprefix("http://") for url in urls]}]

    return {
        "global": {"scrape_interval": every, "evaluation_interval": every},
        "rule_files": [str(rules)] if rules else [],
        "alerting": {
            "alertmanagers": [{"static_configs": static([alertmanager])}] if alertmanager else []
        },
        "scrape_configs": [
            {
                "job_name": JOB,
                "honor_labels": True,
                "metrics_path": path,
                "static_configs": static(targets),
            },
        ],
    }


def kubelets(kubeconfig: Path) -> dict[str, Any]:
    """Have Prometheus scrape the simulated cluster's kubelets too, by way of its API server."""
    configuration = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
    server = configuration["clusters"][0]["cluster"]["server"].removeprefix("http://")
    return {
        "job_name": "kubelet",
        "static_configs": [{"targets": list(_NODES)}],
        "relabel_configs": [
            {
                "source_labels": ["__address__"],
                "target_label": "__metrics_path__",
                "replacement": "/api/v1/nodes/$1/proxy/metrics",
            },
            {"source_labels": ["__address__"], "target_label": "instance"},
            {"target_label": "__address__", "replacement": server},
        ],
    }


def alertmanager_config(routes: Path, url: str) -> dict[str, Any]:
    """Configure Alertmanager: the routes of a file, with every receiver a webhook below ``url``.

    Each receiver keeps its name, which is the last part of its path, and whether it is sent
    resolved alerts. Mail servers, tokens and templates are left out with what would need them.
    """
    configuration: Mapping[str, Any] = yaml.safe_load(routes.read_text(encoding="utf-8"))
    return {
        "route": configuration["route"],
        "inhibit_rules": configuration["inhibit_rules"],
        "receivers": [_webhook(receiver, url) for receiver in configuration["receivers"]],
    }


def _webhook(receiver: Mapping[str, Any], url: str) -> dict[str, Any]:
    ways = [way for kind, ways in receiver.items() if kind != "name" for way in ways]
    if not ways:
        return {"name": receiver["name"]}
    return {
        "name": receiver["name"],
        "webhook_configs": [
            {
                "url": f"{url}/{receiver['name']}",
                "send_resolved": any(way["send_resolved"] for way in ways),
            }
        ],
    }
