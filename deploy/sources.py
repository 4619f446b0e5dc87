"""The sources as data for the chart: which can be turned off, and what each may do."""

from exporter.rules.render import as_yaml
from exporter.sources import SOURCES


def sources_data() -> str:
    """The registry as YAML, for the Roles of ``templates/rbac.yaml``."""
    data = [
        {"name": source.name, "required": source.required, "rule": source.rbac_rule}
        for source in SOURCES
    ]
    return f"# Made of exporter/sources by `make docs`.\n{as_yaml({'sources': data})}"
