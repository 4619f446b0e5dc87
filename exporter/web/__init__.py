"""What is served over HTTP: the metrics, the probes, the status page."""

from exporter.web.listen import Address, ListenError
from exporter.web.pages import Health, Probe
from exporter.web.server import WebServer, WebSettings, telemetry_path
from exporter.web.status import View

__all__ = [
    "Address",
    "Health",
    "ListenError",
    "Probe",
    "View",
    "WebServer",
    "WebSettings",
    "telemetry_path",
]
