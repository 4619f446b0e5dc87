"""Previews of the dashboards: pictures to look at where there is no Grafana.

``python -m dashboards.pictures`` draws each dashboard as its JSON says, on its grid, from results
of a real Prometheus with backfilled history. They are previews and say so: close to what Grafana
shows, and drawn from the same queries, but drawn by Matplotlib.
"""
