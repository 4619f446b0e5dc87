"""A server that answers as Browsertrix's API does, or as a test scripts it, byte for byte.

The simulator's (``exporter.simulator.browsertrix_api``) is a Browsertrix: what it says follows from
what is in its database, so that it cannot say what Browsertrix never would. This one can: items
that are none, totals that lie, a clock that is wrong, tokens that tell nothing, pages without end.
It is for the client's own tests; whoever only needs a Browsertrix takes
``support.simulated_browsertrix``.
"""

import asyncio
import json
import secrets
import ssl
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any, Final, Self
from urllib.parse import unquote

from aiohttp import web

from support.oidc_issuer import jwt

USERNAME: Final = "root.of.all@example.org"
PASSWORD: Final = "correct-horse-battery"  # noqa: S105 - of nobody
PRIVATE: Final = ("Erika Mustermann", "erika@example.org", "a private note", "https://hook.example")
"""People and secrets that are in what it answers."""
LIFETIME: Final = 3600.0
"""Seconds of a token."""

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def organisation(number: int, **fields: Any) -> dict[str, Any]:
    """An item of the list of organisations, people included."""
    name, email, note, hook = PRIVATE
    return {
        "id": f"org-{number}",
        "name": f"Organisation {number}",
        "slug": f"organisation-{number}",
        "users": {"u": {"role": 40, "name": name, "email": email}},
        "note": note,
        "webhookUrls": {"crawlFinished": hook},
        "bytesStored": number,
        "quotas": {"storageQuota": 1000},
    } | fields


@dataclass
class BrowsertrixServer:
    """Answers as the real one does; ``faults`` go before, one for each request to an endpoint."""

    orgs: list[dict[str, Any]] = field(default_factory=list)
    workflows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    jobs: list[dict[str, Any]] = field(default_factory=list)
    crawls: dict[str, dict[str, Any]] = field(default_factory=dict)
    settings: dict[str, Any] = field(
        default_factory=lambda: {"jwtTokenLifetime": 60, "pausedExpiryMinutes": 10080}
    )
    is_superuser: Any = True
    ahead: float = 0.0
    """Seconds that its clock is ahead of ours."""
    plain_tokens: bool = False
    """Whether its tokens say nothing of their end."""
    passwords_failed: int = 0
    tokens: set[str] = field(default_factory=set)
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Method and path, with the query."""
    faults: dict[str, list[Answer]] = field(default_factory=dict)
    """By path: what answers next in its place."""
    always: dict[str, Answer] = field(default_factory=dict)
    """By path, ``*`` for all: what answers in its place."""
    on_page: Callable[[int], None] = lambda _: None
    """Called with the page's number before a page of organisations is answered."""
    url: str = ""
    _runner: web.AppRunner | None = None

    @classmethod
    @asynccontextmanager
    async def running(cls, **state: Any) -> AsyncIterator[Self]:
        """Listen on 127.0.0.1."""
        server = cls(**state)
        await server.start()
        try:
            yield server
        finally:
            await server.stop()

    async def start(self) -> None:
        """Listen, where it did before if it did."""
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        port = int(self.url.rpartition(":")[2]) if self.url else 0
        await web.TCPSite(self._runner, "127.0.0.1", port, reuse_address=True).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def listen_by_tls(self, context: ssl.SSLContext) -> str:
        """Listen at another port as well; returns its address."""
        assert self._runner is not None
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        return f"https://127.0.0.1:{self._runner.addresses[-1][1]}"

    async def stop(self) -> None:
        """Refuse connections from now on."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def paths(self, path: str) -> list[tuple[str, str]]:
        """The requests to one path."""
        return [one for one in self.asked if one[1].partition("?")[0] == path]

    @property
    def logins(self) -> int:
        """How many passwords it was sent."""
        return len(self.paths("/api/auth/jwt/login"))

    @property
    def counts(self) -> Counter[str]:
        """Requests by path, without their queries."""
        return Counter(path.partition("?")[0] for _, path in self.asked)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((request.method, request.path_qs))
        queue = self.faults.get(request.path) or []
        answer = (
            queue.pop(0) if queue else self.always.get(request.path) or self.always.get("*")
        ) or self._route
        response = await answer(request)
        if not response.prepared:
            response.headers["Date"] = formatdate(time.time() + self.ahead, usegmt=True)
        return response

    async def _route(self, request: web.Request) -> web.StreamResponse:
        path = request.path.removeprefix("/api")
        if path == "/settings":
            return web.json_response(self.settings)
        if path == "/auth/jwt/login":
            return self._login(await request.post())
        header = request.headers.get("Authorization", "")
        if not header:
            return refused(404, "Not Found")
        if header.removeprefix("Bearer ") not in self.tokens:
            return refused(401, "invalid_credentials")
        steps = request.rel_url.raw_path.strip("/").split("/")[1:]
        return self._answer(request, [unquote(step) for step in steps])

    def _answer(self, request: web.Request, path: list[str]) -> web.Response:  # noqa: PLR0911
        match path:
            case ["auth", "jwt", "refresh"]:
                return self._token()
            case ["users", "me"]:
                return web.json_response(self._user())
            case ["orgs"]:
                self.on_page(int(request.query["page"]))
                orgs = sorted(self.orgs, key=lambda one: one["name"])
                return self._page(request, orgs if self.is_superuser else orgs[:1])
            case ["orgs", "all", "jobs" | "crawls", *_] if not self.is_superuser:
                return refused(403, "Not Allowed")
            case ["orgs", "all", "jobs"]:
                order = {None: 0, False: 1, True: 2}
                return self._page(
                    request, sorted(self.jobs, key=lambda job: order[job.get("success")])
                )
            case ["orgs", "all", "crawls", crawl]:
                found = self.crawls.get(crawl)
                return web.json_response(found) if found else refused(404, "crawl_not_found")
            case ["orgs", oid, "metrics"] if self._exists(oid):
                return web.json_response({"crawlCount": 3, "uploadCount": 2, "pageCount": 7})
            case ["orgs", oid, "crawlconfigs"] if self._exists(oid):
                return self._page(request, self.workflows.get(oid, []))
        return refused(404, "org_not_found")

    def _exists(self, oid: str) -> bool:
        return any(one["id"] == oid for one in self.orgs)

    def _page(self, request: web.Request, items: list[dict[str, Any]]) -> web.Response:
        page, size = int(request.query["page"]), int(request.query["pageSize"])
        part = items[(page - 1) * size : page * size]
        return web.json_response(
            {"items": part, "total": len(items), "page": page, "pageSize": size}
        )

    def _login(self, form: Any) -> web.Response:
        if (form.get("username"), form.get("password")) != (USERNAME, PASSWORD):
            self.passwords_failed += 1
            return refused(400, "login_bad_credentials")
        return self._token()

    def new_token(self) -> str:
        """Make one that counts."""
        end = int(time.time() + self.ahead + LIFETIME)
        nonce = secrets.token_hex()
        token = nonce if self.plain_tokens else jwt(sub="u", exp=end, nonce=nonce)
        self.tokens.add(token)
        return token

    def _token(self) -> web.Response:
        return web.json_response(
            {"access_token": self.new_token(), "token_type": "bearer", "user_info": self._user()}
        )

    def _user(self) -> dict[str, Any]:
        name, email, *_ = PRIVATE
        return {"id": "u", "name": name, "email": email, "is_superuser": self.is_superuser}


def refused(status: int, detail: str, **headers: str) -> web.Response:
    """An error as Browsertrix answers it."""
    return web.json_response({"detail": detail}, status=status, headers=headers)


def answer(response: Callable[[], web.Response]) -> Answer:
    """What answers so."""

    async def give(_: web.Request) -> web.StreamResponse:
        return response()

    return give


async def html(_: web.Request) -> web.StreamResponse:
    """What a proxy in front may answer to anything."""
    return web.Response(text="<h1>Please log in</h1>", content_type="text/html")


async def hang(_: web.Request) -> web.StreamResponse:
    """Say nothing, for longer than anybody waits."""
    await asyncio.sleep(3600)
    raise AssertionError


async def huge(request: web.Request) -> web.StreamResponse:
    """Send more than anybody reads."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    await response.write(b'{"items":[],"note":"')
    for _ in range(64):
        await response.write(b"x" * 2**20)
    await response.write(json.dumps("").encode())
    return response
