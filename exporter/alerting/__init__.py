"""Event alerts, posted to Alertmanager by the exporter itself as soon as the event is seen.

``event_alerts`` declares the alerts, of which ``alerts/`` makes rules. ``active_alerts`` derives
from the ledger which are active now; one ``send_loop`` for each Alertmanager sends them, and again
until they are over. ``postable_alert`` is the API's format, ``client`` and ``http_config`` are the
HTTP below it.
"""
