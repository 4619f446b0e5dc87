"""The Kubernetes API: list and watch of any resource, credentials, and manifests from files."""
