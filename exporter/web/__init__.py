"""What is served over HTTP: the metrics, the probes, the landing page."""

from exporter.web.listen import Address, ListenError
from exporter.web.pages import Health, Probe
from exporter.web.server import WebServer, WebSettings, telemetry_path

__all__ = [
    "Address",
    "Health",
    "ListenError",
    "Probe",
    "WebServer",
    "WebSettings",
    "telemetry_path",
]
