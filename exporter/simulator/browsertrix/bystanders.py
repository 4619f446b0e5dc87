"""Pods in the same namespace that belong to no crawl: browsers in which somebody logs in.

Whoever reads all pods instead of those of crawls finds them.
"""

from exporter.simulator.browsertrix.installation import Installation
from exporter.simulator.browsertrix.pod_plan import CRAWLER_IMAGE, PodPlan
from exporter.simulator.browsertrix.pod_set import PodSet
from exporter.simulator.browsertrix.seeded_random import random_uuid, seeded

_MEMORY = 1 << 30
_CPU = 0.9


def profile_browser(namespace: str, profile: str) -> PodPlan:
    """A profile browser (``chart/app-templates/profilebrowser.yaml``)."""
    return PodPlan(
        namespace=namespace,
        name=f"browser-prf-{profile}",
        labels={
            "browser": f"prf-{profile}",
            "role": "browser",
            "network-policy": "limit-crawler-egress",
        },
        container="browser",
        image=CRAWLER_IMAGE,
        memory=_MEMORY,
        memory_limit=_MEMORY,
        cpu=_CPU,
    )


def add_bystanders(installation: Installation, namespaces: tuple[str, ...], number: int) -> None:
    """So many profile browsers in each namespace, which stay."""
    for namespace in namespaces:
        rng = seeded("bystanders", namespace)
        pods = PodSet(installation, rng)
        for _ in range(number):
            pods.make(profile_browser(namespace, random_uuid(rng)))
