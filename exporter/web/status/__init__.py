"""The status page at ``/`` and the same as JSON: a small cluster's crawls with no other software.

``query`` parses a request, ``view`` finds, sorts and pages what it asks for, ``representation`` is
each object as JSON. ``page`` renders the view's answers as HTML, and ``handlers`` serves both.
"""

from exporter.web.status.handlers import API, PREFIXES, StatusHandlers
from exporter.web.status.view import View

__all__ = ["API", "PREFIXES", "StatusHandlers", "View"]
