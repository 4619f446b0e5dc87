"""docs/limits.md promises what the code holds to. How it does, is tested with each part."""

import re

import pytest

from exporter.alerting import client as alertmanager
from exporter.cluster import client, lines, lister, reflector
from exporter.history import ledger_file
from exporter.metrics import crawl_tables
from exporter.resources import decoding, fields
from exporter.resources.crawljob import model
from exporter.runtime import backoff, tasks
from exporter.web import connections, listener, metrics_handler, streaming, tls_connection
from exporter.web.config import users
from exporter.web.status import handlers
from support.tools import ROOT

MIB, KIB = 2**20, 2**10
ROWS = {
    cells[0].strip(): " | ".join(cells[1:])
    for line in (ROOT / "docs" / "limits.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("|") and len(cells := line.strip("|").split("|")) == 3
}


@pytest.mark.parametrize(
    ("what", "values"),
    [
        ("Connections to the web server at once", [connections.MAX_CONNECTIONS]),
        ("Scrapes at once", [metrics_handler.MAX_SCRAPES]),
        ("Readers of the status page and its JSON at once", [handlers.MAX_READERS]),
        ("A client that takes nothing of its answer", [streaming.WRITE_TIMEOUT]),
        (
            "A request's headers",
            [listener._LONGEST_HEADER / KIB, connections.HEADERS_TIMEOUT],
        ),
        ("A handshake of TLS", [tls_connection.HANDSHAKE_TIMEOUT]),
        ("Passwords checked at once", [users.MOST]),
        ("A page of a list from the API server", [client.LONGEST_BODY / MIB]),
        ("Pages of a list, and its time", [lister.MOST_PAGES, lister.LONGEST_LIST / 60]),
        ("A line of a watch", [lines.LONGEST_LINE / MIB]),
        (f"JSON nested deeper than {decoding._DEEPEST_READ} levels", [decoding._MOST_STRUCTURE]),
        ("Lists one after the other", [reflector._HEALTHY_AFTER, backoff.MOST]),
        ("A watch that ends within a second", [backoff.MOST]),
        ("Retry-After of a server", [backoff.LONGEST_RETRY_AFTER]),
        ("Pods of a crawl", [model.MOST_PODS]),
        ("Series of a crawl's pods", [crawl_tables.MAX_POD_BYTES / MIB]),
        ("Text of a field", [fields.LONGEST_TEXT]),
        ("An Alertmanager's answer", [alertmanager._LONGEST_COMPLAINT / KIB]),
        ("The ledger's WAL", [ledger_file._LONG_WAL / MIB]),
        (
            "A part that ends by a fault",
            [backoff.FIRST, backoff.MOST, tasks.GIVE_UP / 60],
        ),
    ],
)
def test_what_is_documented_is_what_holds(what: str, values: list[float]) -> None:
    said = [float(one.replace(",", "")) for one in re.findall(r"\d[\d,]*(?:\.\d+)?", ROWS[what])]
    assert set(values) <= set(said)
