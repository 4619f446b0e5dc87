"""The families about metacontroller's calls, with ``--source.kubernetes=metacontroller``."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from exporter.metacontroller import Hooks
from exporter.metrics.catalog.family import Family, Group, Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class HookFamily(Family):
    """A family about the hooks."""

    samples: Callable[[Hooks], Iterable[tuple[tuple[str, ...], float]]]
    kind: Kind = Kind.COUNTER
    group: Group = Group.EXPORTER


HOOK_FAMILIES: Final = (
    HookFamily(
        name="browsertrix_exporter_hook_requests_total",
        help="Calls of metacontroller's by hook and outcome: taken, outdated (nothing newer than "
        'was known), ignored (not followed), waiting (not released yet), refused (4xx; hook="none" '
        "where the path is no hook's).",
        source="calls of the hooks",
        labels=("hook", "outcome"),
        samples=lambda hooks: hooks.requests.items(),
    ),
    HookFamily(
        name="browsertrix_exporter_hook_last_request_timestamp_seconds",
        help="When metacontroller last called, of whatever object; where it never did, when the "
        "exporter started.",
        source="calls of the hooks",
        kind=Kind.GAUGE,
        unit="seconds",
        samples=lambda hooks: [((), hooks.last_request)],
    ),
    HookFamily(
        name="browsertrix_exporter_hook_unrecorded_releases_total",
        help="Crawls released to be deleted, with --metacontroller.finalize, without their end on "
        "disk, by reason: unwritten (the ledger could not be written for ten minutes), unreadable "
        "(the CrawlJob could not be read).",
        source="calls of finalize",
        labels=("reason",),
        samples=lambda hooks: [((key,), value) for key, value in hooks.unrecorded_releases.items()],
    ),
)
