"""The formats of an exposition; the metrics room takes this over with its exposition."""

from enum import Enum


class Format(Enum):
    """A format, and what it is called in ``Content-Type``."""

    TEXT = "text/plain; version=0.0.4; charset=utf-8"
    OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

    @property
    def content_type(self) -> str:
        """The value of ``Content-Type``."""
        return self.value
