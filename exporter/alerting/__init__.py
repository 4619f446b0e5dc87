"""Who is told directly: event alerts, posted to Alertmanager the moment they happen."""
