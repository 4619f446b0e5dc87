"""Who is told directly: event alerts, posted to Alertmanager the moment they happen.

``events`` declares what can be told, and ``alerts/`` makes the rules of it. ``opening`` takes from
the ledger what is told now, ``delivery`` sees to it that each Alertmanager hears it, ``posting``
and ``access`` are how that is said over HTTP.
"""
