"""Pods that somebody owns, with the claims whose volumes they use.

A claim outlives its pod; deleted, it waits for it. An API that the cluster does not serve is left
out of it.
"""

import random
from collections.abc import Callable

from exporter.simulator.apiserver.served_resource import CLAIMS, PODS
from exporter.simulator.browsertrix.claim import Claim
from exporter.simulator.browsertrix.installation import Installation
from exporter.simulator.browsertrix.pod import NO_OBSTACLE, Obstacle, Pod
from exporter.simulator.browsertrix.pod_plan import PodPlan


class PodSet:
    """By name; what is gone is not among them."""

    def __init__(
        self,
        installation: Installation,
        rng: random.Random,
        memory_share: Callable[[str], float | None] = lambda _: None,
    ) -> None:
        """``memory_share`` says how much of its memory a pod uses, where that is unusual."""
        self.pods: dict[str, Pod] = {}
        self.claims: dict[str, Claim] = {}
        self._installation = installation
        self._rng = rng
        self._memory_share = memory_share

    def make(self, plan: PodPlan, storage: int = 0, obstacle: Obstacle = NO_OBSTACLE) -> None:
        """Have such a pod, and its claim of so many bytes; one that is there stays as it is."""
        served = self._installation.cluster.resources
        if plan.claim and plan.claim not in self.claims and CLAIMS in served:
            self.claims[plan.claim] = Claim(self._installation, plan, storage)
        before = self.pods.get(plan.name)
        if PODS not in served or (before and not before.deleting):
            return
        if before:
            before.remove()
        if not obstacle.unschedulable:
            self._installation.agenda.after(0.05, lambda: self._bind(plan.claim))
        share = self._memory_share
        pod = Pod(self._installation, plan, self._rng, obstacle, lambda: share(plan.name))
        self.pods[plan.name] = pod
        pod.when_gone = lambda: self._forget(pod)

    def overcome(self) -> None:
        """Nodes, volumes and images are there for the pods that wait for them."""
        for pod in list(self.pods.values()):
            if pod.is_held_back:
                self._bind(pod.plan.claim)
                pod.overcome()

    def delete(self, name: str) -> None:
        """Take a pod away; its claim stays."""
        if pod := self.pods.get(name):
            pod.delete()

    def delete_with_claim(self, name: str) -> None:
        """Take a pod and its claim away."""
        self.delete(name)
        if claim := self.claims.get(name):
            claim.delete()
            if name not in self.pods:
                self._release(name)

    def delete_all(self) -> None:
        """Take everything away."""
        for name in {**self.pods, **self.claims}:
            self.delete_with_claim(name)

    def collect_garbage(self) -> None:
        """Take everything away at once: its owner is gone."""
        for pod in list(self.pods.values()):
            pod.remove()
        for name in list(self.claims):
            self._release(name)

    def _bind(self, claim: str) -> None:
        if claim in self.claims:
            self.claims[claim].bind()

    def _forget(self, pod: Pod) -> None:
        if self.pods.get(pod.plan.name) is pod:
            del self.pods[pod.plan.name]
            claim = self.claims.get(pod.plan.claim)
            if claim is not None and claim.deleting:
                self._release(pod.plan.claim)

    def _release(self, name: str) -> None:
        self.claims.pop(name).release()
