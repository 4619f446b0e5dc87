"""Dashboards as code: five classic Grafana dashboards (10 to 13), and the JSON they become.

``python -m dashboards`` writes the JSON beside this file, ``--check`` says whether it is current.
Each dashboard is one module that reads like a table of contents; what they share (``colours``,
``promql``, ``panels``, ``tables``, ``frame``) is a small vocabulary over Grafana's Foundation SDK.
"""
