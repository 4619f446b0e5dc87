"""CrawlJobs told by metacontroller, which calls this exporter, instead of by watches of its own.

Browsertrix runs on metacontroller. A DecoratorController's hooks are called with each CrawlJob when
it changes and again every resync period, and before one is deleted for good: where that call is not
answered with ``finalized``, it stays. Nothing to the right of ``sources`` knows which it was.
Source: metacontroller's API reference for DecoratorController and the customize hook.
"""

from exporter.metacontroller.hooks import Hook, Hooks, HookSettings, Outcome, Record
from exporter.metacontroller.request import InvalidRequestError
from exporter.metacontroller.rounds import Calls, FirstRound
from exporter.metacontroller.scope import HookScope
from exporter.metacontroller.source import HookSource

__all__ = [
    "Calls",
    "FirstRound",
    "Hook",
    "HookScope",
    "HookSettings",
    "HookSource",
    "Hooks",
    "InvalidRequestError",
    "Outcome",
    "Record",
]
