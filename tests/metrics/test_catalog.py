"""The catalog as a whole: its names, units and labels."""

import re

from exporter.metrics.catalog import CATALOG, CRAWL_LABELS, POD_LABELS, CrawlFamily, Kind, PodFamily


def test_names_follow_the_grammar() -> None:
    for names in ([one.name for one in CATALOG], [one.base for one in CATALOG]):
        assert len(set(names)) == len(names)
    for family in CATALOG:
        name = family.name
        assert re.fullmatch(r"[a-z][a-z0-9_]*", name)
        assert name.startswith(("browsertrix_", "process_", "python_"))
        assert (family.kind is Kind.COUNTER) == name.endswith("_total")
        if family.kind is Kind.INFO:
            assert name.endswith("_info")
        if family.unit:
            assert family.base.endswith(f"_{family.unit}")
        for unit in ("seconds", "bytes", "ratio", "cores"):
            if name.startswith("browsertrix_") and family.base.endswith(f"_{unit}"):
                assert family.unit == unit
        assert family.help
        assert family.source
        assert len(set(family.labels)) == len(family.labels)


def test_every_series_of_a_crawl_or_pod_says_whose_it_is() -> None:
    for family in CATALOG:
        if isinstance(family, CrawlFamily):
            assert family.labels[:3] == CRAWL_LABELS
        if isinstance(family, PodFamily):
            assert family.labels[:4] == POD_LABELS
