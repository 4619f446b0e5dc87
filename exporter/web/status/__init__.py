"""The status page at ``/`` and the same as JSON: a small cluster's crawls with no other software.

``view`` says what there is to show, ``page`` and ``api`` say it to people and to programs.
"""

from exporter.web.status.site import PREFIXES, StatusSite
from exporter.web.status.view import View, Watched

__all__ = ["PREFIXES", "StatusSite", "View", "Watched"]
