"""Dashboards as code: seven classic Grafana dashboards (10 to 13), and the JSON they become.

``python -m dashboards`` writes the JSON to ``json/``, ``--check`` says whether it is current.
Each dashboard is one module: ``fleet``, ``ended``, ``crawl``, ``organisations``, ``workflows``,
``pods``, ``exporter``. What they share is Grafana's own vocabulary over its Foundation SDK:
``panels``, ``fields``, ``tables``, ``variables``, ``annotations``, ``dashboard``; and ``promql``
and ``names`` for what panels query.
"""

import warnings

with warnings.catch_warnings():
    # The SDK would rather have dashboards of version 2, which Grafana 10 and 11 cannot read.
    warnings.filterwarnings("ignore", "Prefer using", DeprecationWarning)
    import grafana_foundation_sdk.builders.dashboard
    import grafana_foundation_sdk.builders.timeseries  # noqa: F401 - here for the warning
