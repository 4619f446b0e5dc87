"""The HTML page: the view's answers rendered by a template, a few milliseconds at a time.

The template engine is imported and the template compiled in a thread, at the first visit: an
exporter that nobody looks at never needs either.
"""

import asyncio
from dataclasses import replace
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

from exporter.runtime.time_slice import TimeSlice
from exporter.web.colours import STATES
from exporter.web.status import formatting
from exporter.web.status.pagination import TIME_SLICE
from exporter.web.status.query import SORTS, Query
from exporter.web.status.view import View

if TYPE_CHECKING:
    from jinja2 import Template

_FINISHED_SHOWN: Final = 15
_EVENTS_SHOWN: Final = 25
_OPENED: Final = 3
"""Up to so many crawls are shown with their pods unfolded."""

_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
        "img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
}


class StatusPage:
    """Renders the page; compiles the template once."""

    headers: Final = _HEADERS

    def __init__(self, view: View, *, telemetry_path: str) -> None:
        self._view = view
        # Relative, as all links here: the page may be reached through a proxy, below a prefix.
        self._telemetry_path = telemetry_path.lstrip("/")
        self._template: Template | None = None

    async def render(self, query: Query) -> bytes:
        """The whole page, in UTF-8; a page number beyond the last one gives the last."""
        if self._template is None:
            self._template = await asyncio.to_thread(_load)
        time_slice = TimeSlice(TIME_SLICE)
        found = await self._view.crawls(query, time_slice, clamp=True)
        finished = replace(query, page=1, per_page=_FINISHED_SHOWN)
        events = replace(finished, state="", per_page=_EVENTS_SHOWN)
        exporter = self._view.exporter()
        context: dict[str, Any] = {
            "query": query,
            "sorts": SORTS,
            "found": found,
            "states": _in_order(found["states"], query.state),
            "pages": max(1, -(-found["total"] // query.per_page)),
            "finished": await self._view.finished(finished, time_slice),
            "events": await self._view.events(events, time_slice),
            "exporter": exporter,
            "several_namespaces": _several(exporter["watches"]),
            "open": found["total"] <= _OPENED,
            "now": found["as_of"],
            "telemetry_path": self._telemetry_path,
        }
        parts = []
        for part in self._template.generate(context):
            parts.append(part)
            await time_slice.yield_if_due()
        return "".join(parts).encode("utf-8", "replace")


def _several(watches: list[dict[str, Any]]) -> bool:
    namespaces = {watch["namespace"] for watch in watches}
    return len(namespaces) > 1 or None in namespaces


def _in_order(states: dict[str, int], chosen: str) -> list[tuple[str, int]]:
    """Known states in the order of a crawl's life, then the others; the chosen one also at 0."""
    counts = states | ({chosen: 0} if chosen and chosen not in states else {})
    places = {state: place for place, state in enumerate(STATES)}
    return sorted(counts.items(), key=lambda item: (places.get(item[0], len(places)), item[0]))


def _load() -> "Template":
    from jinja2 import Environment, StrictUndefined  # noqa: PLC0415 - see the module's docstring

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    for function in (
        formatting.size,
        formatting.count,
        formatting.cores,
        formatting.percent,
        formatting.duration,
        formatting.ago,
        formatting.utc,
        formatting.event_detail,
    ):
        environment.filters[function.__name__] = function
    source = resources.files("exporter.web.status").joinpath("assets", "status.html")
    return environment.from_string(source.read_text(encoding="utf-8"))
