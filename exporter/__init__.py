"""browsertrix-exporter: CrawlJobs on Kubernetes as Prometheus metrics.

Start reading at ``exporter/app.py``: it alone knows every room and wires them.
"""

__version__ = "0.1.0"
