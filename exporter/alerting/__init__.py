"""Who is told directly: event alerts, posted to Alertmanager the moment they happen.

``event_alerts`` declares the alerts, of which ``alerts/`` makes rules. ``active_alerts`` takes from
the ledger which are active now, ``send_loop`` keeps each Alertmanager notified of them, ``client``
and ``http_config`` are the HTTP below it.
"""
