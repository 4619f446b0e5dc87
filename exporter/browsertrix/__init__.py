"""What Browsertrix's own HTTP API says, asked again and again: quotas, names, workflows, jobs.

Only read: GET, and the two POSTs that log in. docs/browsertrix-api.md says what is asked and why.
"""

from exporter.browsertrix.client import BrowsertrixClient, ClientSettings
from exporter.browsertrix.polling import SOURCE_NAMES, Handlers, PolledHandler, PolledSource
from exporter.browsertrix.session import Login

__all__ = [
    "SOURCE_NAMES",
    "BrowsertrixClient",
    "ClientSettings",
    "Handlers",
    "Login",
    "PolledHandler",
    "PolledSource",
]
