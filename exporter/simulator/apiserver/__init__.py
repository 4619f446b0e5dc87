"""The Kubernetes API: a versioned store, HTTP in front of it, and faults on order."""
