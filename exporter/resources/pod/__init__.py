"""What a pod of a crawl is, as Kubernetes sees it. Pure: no I/O, no clock of its own."""

from exporter.resources.pod.model import Pod, Termination
from exporter.resources.pod.parsing import parse_json, parse_value

__all__ = ["Pod", "Termination", "parse_json", "parse_value"]
