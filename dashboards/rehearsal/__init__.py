"""A dress rehearsal: hours of simulated history in a real Prometheus, to ask every question of.

``lives`` lets crawls live, ``record`` writes what the exporter would have been scraped for, and
``stage`` has Prometheus answer from that. Only the tests and the pictures come here.
"""

from dashboards.rehearsal.record import Recording, record
from dashboards.rehearsal.stage import ProgramMissingError, Prometheus, stage

__all__ = ["ProgramMissingError", "Prometheus", "Recording", "record", "stage"]
