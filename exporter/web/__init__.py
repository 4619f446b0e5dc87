"""What is served over HTTP: the metrics, the probes, the status page."""

from exporter.web.config import WebConfigError, WebConfigFile
from exporter.web.hook_server import HookServer
from exporter.web.listen import ListenError
from exporter.web.pages import Health, Probe
from exporter.web.server import WebServer, WebSettings, refuse_reserved_path
from exporter.web.status import View

__all__ = [
    "Health",
    "HookServer",
    "ListenError",
    "Probe",
    "View",
    "WebConfigError",
    "WebConfigFile",
    "WebServer",
    "WebSettings",
    "refuse_reserved_path",
]
