"""Faults that a test orders of Browsertrix's API.

Refusals, HTML and stalls are those of every server (``request_faults``); ``endpoint`` is what is
asked for there. A database that is down is a ``stall``, a server that is down is one ``stop``-ped.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from exporter.simulator.request_faults import RequestFaults

Verb = Literal["GET", "POST"]
Endpoint = Literal[
    "login",
    "refresh",
    "me",
    "settings",
    "openapi",
    "orgs",
    "org",
    "metrics",
    "crawlconfigs",
    "jobs",
    "crawl",
    "crawls",
]


@dataclass(slots=True)
class _Deed:
    endpoint: Endpoint
    left: int
    do: Callable[[], object]


class ApiFaults(RequestFaults[Verb, Endpoint]):
    """The faults of one server."""

    def __init__(self) -> None:
        super().__init__(lambda code: json.dumps({"detail": f"ordered by a test: {code}"}).encode())
        self._slowness: dict[Endpoint | None, float] = {}
        self._deeds: list[_Deed] = []

    def slow_down(self, seconds: float, endpoint: Endpoint | None = None) -> None:
        """Answer only after so many seconds, from now on; 0 ends that."""
        self._slowness[endpoint] = seconds

    def answer_garbage(self, times: int = 1, *, resource: Endpoint | None = None) -> None:
        """Answer with something that says it is JSON."""
        self.refuse(200, times, body=b'{"items":[\x00\xff<garbage>', resource=resource)

    def after(self, requests: int, endpoint: Endpoint, do: Callable[[], object]) -> None:
        """Do something, once, when so many more requests to an endpoint have been answered.

        So tokens expire (``accounts.expire_tokens``), organisations are added, renamed or deleted
        while somebody reads page after page.
        """
        self._deeds.append(_Deed(endpoint, requests, do))

    def answered(self, endpoint: Endpoint) -> None:
        """A request has its answer."""
        for deed in [one for one in self._deeds if one.endpoint == endpoint]:
            deed.left -= 1
            if deed.left <= 0:
                self._deeds.remove(deed)
                deed.do()

    async def pass_slowness(self, endpoint: Endpoint) -> None:
        """Wait as long as was ordered."""
        for key in (None, endpoint):
            if wait := self._slowness.get(key):
                await asyncio.sleep(wait)
