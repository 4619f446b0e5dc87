"""What a shard serves, so that shards add up and a pair of one shard does not.

Series of a crawl or a pod are the same whichever exporter has it: as of a pair, one of them stands
for all. But what is counted over many crawls is a part of the whole, and says of which shard: rules
and dashboards merge by that label first, and add then. Counts of what is there now say also how
many shards there were: while that number changes, crawls are in two shards or in none, and of two
ways to divide them the one that has more of them stands.

What is no crawl's (organisations, workflows, background jobs) is served by the first shard.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from exporter.metrics.catalog.family import Family, FleetFamily, Group, Kind
from exporter.metrics.catalog.organisation import PROJECTED, uncommitted
from exporter.metrics.catalog.polled import OrganisationCrawlsFamily
from exporter.metrics.catalog.self_metrics import WatchFamily
from exporter.resources.identity import SHARD, TOTAL_SHARDS
from exporter.resources.shard import Shard

_OF_BROWSERTRIX: Final = frozenset({Group.ORGANISATION, Group.WORKFLOW, Group.INSTALLATION})


def shard_labels(family: Family) -> tuple[str, ...]:
    """The labels that its series have beyond their own, where there are several shards."""
    if isinstance(family, (FleetFamily, OrganisationCrawlsFamily)):
        return () if family.name.endswith("_timestamp_seconds") else (SHARD, TOTAL_SHARDS)
    of_history = family.group is Group.HISTORY and family.kind in {Kind.COUNTER, Kind.HISTOGRAM}
    return (SHARD,) if of_history or isinstance(family, WatchFamily) else ()


def families_of(shard: Shard, families: Iterable[Family]) -> tuple[Family, ...]:
    """Those of these families that the shard serves, as it serves them."""
    if shard.is_everything:
        return tuple(families)
    return tuple(
        _labelled(family, shard)
        for family in families
        if shard.is_first
        or family.group not in _OF_BROWSERTRIX
        or isinstance(family, OrganisationCrawlsFamily)
    )


def _labelled(family: Family, shard: Shard) -> Family:
    values = {SHARD: str(shard.index), TOTAL_SHARDS: str(shard.total)}
    fixed = tuple((name, values[name]) for name in shard_labels(family))
    if family == PROJECTED and not shard.is_first:  # what is stored counts once, at the first
        return replace(PROJECTED, samples=uncommitted, fixed=fixed)
    return replace(family, fixed=fixed) if fixed else family
