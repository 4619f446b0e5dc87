"""Asks a Browsertrix for something, as the client does, by a clock that a test sets."""

from pathlib import Path
from typing import Any, Protocol

from exporter.browsertrix.api import BrowsertrixAPI
from exporter.browsertrix.http import HTTPClient
from exporter.browsertrix.session import Login, Session
from support.browsertrix_server import PASSWORD, USERNAME


class Asker:
    """A session with what it sends by; ``file`` has the password or the token."""

    def __init__(
        self, url: str, file: Path, *, username: str | None = USERNAME, timeout: float = 20.0
    ) -> None:
        self.file = file
        self.now = 1000.0
        """Seconds, by the session's clock."""
        self.http = HTTPClient(url, timeout=timeout)
        self.session = Session(
            self.http, Login(file=file, username=username), clock=lambda: self.now
        )
        self.api = BrowsertrixAPI(self.http, self.session)

    async def ask(self) -> Any:
        """Ask for something that takes a superadmin."""
        return await self.api.get("jobs", "/orgs/all/jobs", {"page": "1", "pageSize": "1"})

    def write(self, secret: str) -> None:
        """Put another secret into the file."""
        self.file.write_text(f"{secret}\n")


class Connect(Protocol):
    """Makes clients; the password is right where none is given."""

    def __call__(self, secret: str = PASSWORD, **options: Any) -> Asker: ...
