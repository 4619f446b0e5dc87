"""Timestamps and JSON as they are on the wire."""

import json
from datetime import UTC, datetime
from typing import Any


def stamp(timestamp: float) -> str:
    """Seconds since 1970 as Kubernetes and Browsertrix write them: UTC, whole seconds, ``Z``."""
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def seconds(time: str) -> float:
    """Such a time as seconds since 1970."""
    return datetime.fromisoformat(time).timestamp()


def serialise(value: Any) -> bytes:
    """Compact JSON; lone surrogates become invalid UTF-8, for tests of clients that get some."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass")
