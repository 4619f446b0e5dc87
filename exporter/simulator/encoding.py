"""How values look on the wire: timestamps and JSON."""

import json
from datetime import UTC, datetime
from typing import Any


def stamp(moment: float) -> str:
    """Seconds since 1970 as Kubernetes and Browsertrix write them: UTC, whole seconds, ``Z``."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def serialise(value: Any) -> bytes:
    """Compact JSON; lone surrogates become invalid UTF-8, which a hostile test may well want."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass")
