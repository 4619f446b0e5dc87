"""An API server that sends a recorded list, and then changes of it at a rate, at next to no cost.

A real one and a writer need both processors of a small machine for 250 changes a second. Here all
lines of the watch are made beforehand, from objects as a real API server has stored them, and sent
over TLS as that sends them: each its own chunk, written in pieces of 4 KiB. A process of its own
(``python -m benchmarks.peer.replay``): it says where it listens, sends changes once it is given a
line on standard input, and then says when it sent which; JSON on standard output.
"""

import argparse
import json
import random
import socket
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from benchmarks.peer.objects import Object, churned

_PIECE: Final = 4096
"""Bytes. The buffer of Go's HTTP server: so much becomes a record of TLS."""


class Recording:
    """A list and the changes that follow it, as bytes."""

    def __init__(self, items: list[Object], changes: int) -> None:
        """Items as a real API server lists them; random ones change."""
        self._pages: dict[tuple[int, int], bytes] = {}
        self._items = [_compact(item) for item in items]
        self.version = max(int(item["metadata"]["resourceVersion"]) for item in items)
        """Of the list; each change has the next."""
        rng = random.Random(5)
        self.chunks: list[bytes] = []
        """Of the watch, as HTTP frames them."""
        self.changes: list[tuple[str, int]] = []
        """Of each the CrawlJob's name, and the pages done it has then."""
        for version in range(self.version + 1, self.version + 1 + changes):
            item = rng.choice(items)
            _merge(item["status"], churned(rng, item["status"]))
            item["metadata"]["resourceVersion"] = str(version)
            line = b'{"type":"MODIFIED","object":%b}\n' % _compact(item)
            self.chunks.append(b"%x\r\n%b\r\n" % (len(line), line))
            self.changes.append((item["metadata"]["name"], item["status"]["pagesDone"]))

    def page(self, start: int, limit: int) -> bytes:
        """One page of the list."""
        page = self._pages.get((start, limit))
        if page is None:
            end = start + limit
            token = str(end) if end < len(self._items) else ""
            metadata = _compact({"resourceVersion": str(self.version), "continue": token})
            head = b'{"apiVersion":"btrix.cloud/v1","kind":"CrawlJobList","metadata":'
            items = b",".join(self._items[start:end])
            page = self._pages[start, limit] = b'%b%b,"items":[%b]}\n' % (head, metadata, items)
        return page


class Schedule:
    """When which change is sent: at a rate, from ``begin`` on."""

    def __init__(self, rate: float) -> None:
        self.begun = threading.Event()
        self._rate = rate
        self._began = 0.0

    def begin(self) -> None:
        """From now on."""
        self._began = time.time()
        self.begun.set()

    def wait(self, change: int) -> float:
        """Until that one is due; returns when that is, in seconds since 1970.

        Where it is sent later, because the reader does not keep up, that is the reader's delay.
        """
        self.begun.wait()
        due = self._began + change / self._rate
        while (early := due - time.time()) > 0:
            time.sleep(early)
        return due


def _serve(recording: Recording, schedule: Schedule, folder: Path, sent: list[float]) -> str:
    """Serve from threads; returns where. ``sent`` gets when each change was due."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            query = {
                name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()
            }
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            if "watch" in query:
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                self._watch(int(query["resourceVersion"]) - recording.version)
            else:
                page = recording.page(int(query.get("continue", 0)), int(query["limit"]))
                self.send_header("Content-Length", str(len(page)))
                self.end_headers()
                self.wfile.write(page)

        def _watch(self, first: int) -> None:
            self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for change in range(first, len(recording.chunks)):
                due = schedule.wait(change)
                chunk = recording.chunks[change]
                for place in range(0, len(chunk), _PIECE):
                    self.wfile.write(chunk[place : place + _PIECE])
                if change == len(sent):
                    sent.append(due)
            threading.Event().wait()  # the watch stays open, silent

        def log_message(self, *_: Any) -> None:
            pass

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "server.crt", folder / "server.key")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"https://127.0.0.1:{server.server_port}"


def _merge(value: Object, patch: Object) -> None:
    for name, item in patch.items():
        if isinstance(item, dict) and isinstance(value.get(name), dict):
            _merge(value[name], item)
        else:
            value[name] = item


def _compact(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _emit(**values: Any) -> None:
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


def _main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peer.replay")
    parser.add_argument("--list", type=Path, required=True, help="a list of CrawlJobs as JSON")
    parser.add_argument("--certificates", type=Path, required=True, help="server.crt, server.key")
    parser.add_argument("--rate", type=float, required=True, help="changes a second")
    parser.add_argument("--seconds", type=float, required=True)
    given = parser.parse_args()
    items = json.loads(given.list.read_bytes())["items"]
    recording = Recording(items, int(given.rate * given.seconds))
    schedule, sent = Schedule(given.rate), list[float]()
    _emit(url=_serve(recording, schedule, given.certificates, sent))
    sys.stdin.readline()
    schedule.begin()
    began = time.monotonic()
    time.sleep(given.seconds)
    while len(sent) < len(recording.chunks) and time.monotonic() < began + 2 * given.seconds:
        time.sleep(0.05)
    lasted = time.monotonic() - began
    written = [(*change, at) for change, at in zip(recording.changes, sent, strict=False)]
    _emit(changes=len(sent), rate=len(sent) / lasted, written=written)
    sys.stdin.read()  # until whoever started this closes it


if __name__ == "__main__":
    _main()
