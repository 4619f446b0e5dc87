"""A dress rehearsal: hours of simulated history in a real Prometheus, to ask every question of.

``lives`` lets crawls live, ``record`` writes what the exporter would have been scraped for, and
``stage`` has Prometheus answer from that. Only the tests and the pictures come here.
"""

from dashboards.backfill.prometheus import ProgramMissingError, Prometheus, stage
from dashboards.backfill.record import Recording, record

__all__ = ["ProgramMissingError", "Prometheus", "Recording", "record", "stage"]
