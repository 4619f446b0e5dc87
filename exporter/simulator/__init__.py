"""A small Browsertrix on Kubernetes, over real HTTP: the demo and the tests run on it.

``Cluster`` keeps CrawlJobs with their versions and history, ``ApiServer`` serves them as the
Kubernetes API does and fails as a test orders, ``Browsertrix`` lets crawls live on a cluster and
keeps ground_truth of what happened to them.
"""

from exporter.simulator.apiserver import ApiServer
from exporter.simulator.browsertrix import Browsertrix
from exporter.simulator.cluster import Cluster
from exporter.simulator.faults import Faults

__all__ = ["ApiServer", "Browsertrix", "Cluster", "Faults"]
