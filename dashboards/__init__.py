"""Dashboards as code: five classic Grafana dashboards (10 to 13), and the JSON they become.

``python -m dashboards`` writes the JSON beside this file, ``--check`` says whether it is current.
Each dashboard is one module that reads like a table of contents; what they share (``colours``,
``promql``, ``panels``, ``tables``, ``frame``) is a small vocabulary over Grafana's Foundation SDK.
"""

import warnings

with warnings.catch_warnings():
    # The SDK would rather have dashboards of version 2, which Grafana 10 and 11 cannot read.
    warnings.filterwarnings("ignore", "Prefer using", DeprecationWarning)
    import grafana_foundation_sdk.builders.dashboard
    import grafana_foundation_sdk.builders.timeseries  # noqa: F401 - here for the warning
