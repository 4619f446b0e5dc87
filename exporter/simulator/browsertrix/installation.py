"""What everything in one simulated Browsertrix shares."""

from dataclasses import dataclass

from exporter.simulator.apiserver.cluster import Cluster
from exporter.simulator.browsertrix.agenda import Agenda
from exporter.simulator.browsertrix.ground_truth import GroundTruth
from exporter.simulator.browsertrix.operator import Operator
from exporter.simulator.browsertrix.usage import PodUsage


@dataclass(frozen=True, slots=True)
class Installation:
    """``pause_limit`` is in real seconds. What the cluster does not serve is not made."""

    cluster: Cluster
    ground_truth: GroundTruth
    agenda: Agenda
    operator: Operator
    usage: PodUsage
    pause_limit: float
    resize: bool
    stale_writes: bool

    @property
    def speed(self) -> float:
        """Simulated seconds a real one."""
        return self.agenda.speed
