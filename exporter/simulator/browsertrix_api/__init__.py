"""Browsertrix's own HTTP API beside the cluster's: what it would say of the simulated crawls.

``Database`` keeps organisations, workflows, crawl records and background jobs, and follows the
crawls (``database_of`` makes that of a simulation); ``Accounts`` are those who may log in;
``BrowsertrixServer`` answers over real HTTP, as Browsertrix 1.24.2 was seen to do, and fails as a
test orders (``ApiFaults``).
"""

from exporter.simulator.browsertrix_api.accounts import Accounts, User
from exporter.simulator.browsertrix_api.database import Database
from exporter.simulator.browsertrix_api.faults import ApiFaults
from exporter.simulator.browsertrix_api.landscape import database_of
from exporter.simulator.browsertrix_api.server import BrowsertrixServer

__all__ = ["Accounts", "ApiFaults", "BrowsertrixServer", "Database", "User", "database_of"]
