"""What installs the exporter: the Helm chart, and the plain manifests made of it.

``python -m deploy`` writes what is generated there. The chart's templates and default values are
written by hand; what they need to know of the exporter (rules, sources, options) is data that is
made of its declarations, so that no alert, permission or option can be missing in the chart.
"""
