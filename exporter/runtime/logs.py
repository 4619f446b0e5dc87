"""Log lines a machine can read: logfmt as Prometheus writes it, or JSON.

Text from the cluster is hostile: it can hold line breaks and escape sequences, so every value is
quoted, in both formats. Fields are given with ``extra``; what goes there is up to the caller, and
never a secret or the value of a malformed field.
"""

import json
import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, Literal

_OF_EVERY_RECORD: Final = frozenset(
    vars(logging.makeLogRecord({})) | {"message": "", "asctime": "", "taskName": ""}
)
_LEVELS: Final = {"WARNING": "warn", "CRITICAL": "error"}


def _fields(record: logging.LogRecord) -> dict[str, object]:
    fields: dict[str, object] = {
        "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": _LEVELS.get(record.levelname, record.levelname.lower()),
        "logger": record.name.removeprefix("exporter."),
        "msg": record.getMessage(),
    }
    fields |= {key: value for key, value in vars(record).items() if key not in _OF_EVERY_RECORD}
    if record.exc_info:
        fields["error"] = logging.Formatter().formatException(record.exc_info)
    return fields


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Write the record."""
        return json.dumps(_fields(record), default=str)


class LogfmtFormatter(logging.Formatter):
    """``key=value`` pairs on one line; a value with anything unusual in it is quoted."""

    def format(self, record: logging.LogRecord) -> str:
        """Write the record."""
        return logfmt(_fields(record))


def logfmt(fields: Mapping[str, object]) -> str:
    """Write fields as ``key=value`` pairs on one line, without its end."""
    return " ".join(f"{key}={_quoted(value)}" for key, value in fields.items())


def _quoted(value: object) -> str:
    text = str(value)
    if text and all(char.isalnum() or char in "._:/+-*@" for char in text) and text.isascii():
        return text
    return json.dumps(text)


def set_up(level: str, form: Literal["logfmt", "json"]) -> None:
    """Send all logging to stderr, at this level and in this form."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else LogfmtFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # Its request lines would hold tokens of exec plugins; what matters we log ourselves.
    logging.getLogger("kubernetes").setLevel(logging.WARNING)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
