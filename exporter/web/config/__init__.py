"""``--web.config.file``: TLS, users, headers and a rate limit, in the exporter-toolkit's format."""

from exporter.web.config.file import WebConfigFile
from exporter.web.config.model import WebConfigError
from exporter.web.config.protection import protection

__all__ = ["WebConfigError", "WebConfigFile", "protection"]
