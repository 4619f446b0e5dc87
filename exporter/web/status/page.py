"""The page for people: the view's answers put into a template, a few milliseconds at a time.

The template engine is imported and the template compiled in a thread, at the first visit: an
exporter that nobody looks at never needs either.
"""

import asyncio
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

from exporter.runtime.time_slice import TimeSlice
from exporter.web.colours import STATES
from exporter.web.status import words
from exporter.web.status.pagination import TIME_SLICE
from exporter.web.status.query import SORTS, Query
from exporter.web.status.view import View

if TYPE_CHECKING:
    from jinja2 import Template

_OVER: Final = 15
"""Finished crawls shown beside those that are there."""
_EVENTS: Final = 25
_FEW: Final = 3
"""Crawls that are shown with all their pods."""

_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
        "img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
}


class Page:
    """Renders the page."""

    headers: Final = _HEADERS

    def __init__(self, view: View, *, telemetry_path: str) -> None:
        self._view = view
        # Relative, as all links here: the page may be reached through a proxy, below a prefix.
        self._telemetry_path = telemetry_path.lstrip("/")
        self._template: Template | None = None

    async def render(self, query: Query) -> bytes:
        """The whole page for what is asked."""
        if self._template is None:
            self._template = await asyncio.to_thread(_load)
        time_slice = TimeSlice(TIME_SLICE)
        found = await self._view.crawls(query, time_slice, clamp=True)
        over = Query(
            state=query.state, org=query.org, namespace=query.namespace, q=query.q, per_page=_OVER
        )
        told = Query(org=query.org, namespace=query.namespace, q=query.q, per_page=_EVENTS)
        exporter = self._view.exporter()
        context: dict[str, Any] = {
            "query": query,
            "sorts": SORTS,
            "found": found,
            "states": _in_order(found["states"], query.state),
            "pages": max(1, -(-found["total"] // query.per_page)),
            "finished": await self._view.finished(over, time_slice),
            "events": await self._view.events(told, time_slice),
            "exporter": exporter,
            "several_namespaces": _several(exporter["watches"]),
            "open": found["total"] <= _FEW,
            "now": found["as_of"],
            "telemetry_path": self._telemetry_path,
        }
        parts = []
        for part in self._template.generate(context):
            parts.append(part)
            await time_slice.yield_if_due()
        return "".join(parts).encode("utf-8", "replace")


def _several(watches: list[dict[str, Any]]) -> bool:
    return len(watches) > 1 or any(watch["namespace"] is None for watch in watches)


def _in_order(states: dict[str, int], chosen: str) -> list[tuple[str, int]]:
    """Those that are known as they follow each other in a crawl's life, then the others."""
    counts = states | ({chosen: 0} if chosen and chosen not in states else {})
    places = {state: place for place, state in enumerate(STATES)}
    return sorted(counts.items(), key=lambda item: (places.get(item[0], len(places)), item[0]))


def _load() -> "Template":
    from jinja2 import Environment, StrictUndefined  # noqa: PLC0415 - see the module's docstring

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    for function in (
        words.size,
        words.count,
        words.cores,
        words.percent,
        words.duration,
        words.ago,
        words.stamp,
        words.told,
    ):
        environment.filters[function.__name__] = function
    source = resources.files("exporter.web.status").joinpath("assets", "status.html")
    return environment.from_string(source.read_text(encoding="utf-8"))
