"""A small Browsertrix on Kubernetes, over real HTTP: the demo and the tests run on it.

``apiserver`` keeps objects with their versions and history (``Cluster``), serves them as the
Kubernetes API does (``ApiServer``) and fails as a test orders (``Faults``); ``browsertrix`` runs
crawls on such a cluster and keeps the ground truth of what happened to them; ``metacontroller``
calls hooks about them. It knows nothing of the exporter: they talk to each other over HTTP alone.
"""

from exporter.simulator.apiserver.cluster import Cluster
from exporter.simulator.apiserver.faults import Faults
from exporter.simulator.apiserver.server import ApiServer
from exporter.simulator.browsertrix.browsertrix import Browsertrix

__all__ = ["ApiServer", "Browsertrix", "Cluster", "Faults"]
