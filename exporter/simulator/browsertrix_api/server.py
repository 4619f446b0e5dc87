"""Browsertrix's API over real HTTP, as far as somebody who watches it asks.

Who gets which answer follows Browsertrix 1.24.2: 404 without a token, 401 to a bad one, 403 to who
is no superadmin, and to them their own organisations only.
"""

import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from aiohttp import web

from exporter.simulator.apiserver.encoding import serialise
from exporter.simulator.browsertrix_api.accounts import Accounts, User
from exporter.simulator.browsertrix_api.answers import Answers
from exporter.simulator.browsertrix_api.database import Database
from exporter.simulator.browsertrix_api.faults import ApiFaults, Endpoint, Verb
from exporter.simulator.browsertrix_api.refusals import RefusedError
from exporter.simulator.http_server import HTTPServer

_REMEMBERED_REQUESTS: Final = 10_000

_VERSION: Final = "1.24.2"

_Answer = Callable[[web.Request, User], Any]


@dataclass(frozen=True, slots=True)
class _Route:
    endpoint: Endpoint
    path: str
    answer: _Answer
    superadmins: bool = False
    """Whether others are told that they may not."""
    verb: Verb = "GET"


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came in, refused ones included; ``time`` is ``time.monotonic()``'s."""

    method: str
    path: str
    query: dict[str, str]
    time: float
    endpoint: Endpoint | None
    """None where there is no such path."""


class BrowsertrixServer(HTTPServer):
    """Serves one Database to those who have an account; on 127.0.0.1 by default.

    It runs in the caller's event loop, and stopped and started again keeps its port.
    """

    def __init__(
        self,
        database: Database,
        accounts: Accounts,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        """``settings`` are fields of ``GET /api/settings`` that are not as they usually are."""
        super().__init__(host, port)
        self.database = database
        self.accounts = accounts
        self.faults = ApiFaults()
        self.requests: deque[Request] = deque(maxlen=_REMEMBERED_REQUESTS)
        self.settings: dict[str, Any] = {
            "registrationEnabled": False,
            "jwtTokenLifetime": accounts.lifetime_minutes,
            "maxPagesPerCrawl": 50_000,
            "maxBrowserWindows": 8,
            "pausedExpiryMinutes": 10_080,
            "rateLimitDurationMinutes": 60,
            "billingEnabled": False,
            "supportEmail": "support@fake-person.invalid",
            **(settings or {}),
        }
        self._answers = Answers(database)

    # Running

    def _application(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/api/settings", self._public("settings", lambda: self.settings))
        app.router.add_get("/api/openapi.json", self._public("openapi", self._openapi))
        app.router.add_post("/api/auth/jwt/login", partial(self._handle, "login", self._log_in))
        for route in self._routes():
            handler = partial(self._handle, route.endpoint, partial(self._authorised, route))
            app.router.add_route(route.verb, route.path, handler)
        app.router.add_route("*", "/{path:.*}", self._nothing)
        return app

    def _release(self) -> None:
        self.faults.release()

    def count(self, endpoint: Endpoint) -> int:
        """How many requests came in there."""
        return sum(request.endpoint == endpoint for request in self.requests)

    # Answering

    def _routes(self) -> tuple[_Route, ...]:
        """What needs a token. ``all`` is no organisation, so its paths come first."""
        answers, orgs = self._answers, "/api/orgs"
        return (
            _Route(
                "refresh", "/api/auth/jwt/refresh", lambda _, user: self._token(user), verb="POST"
            ),
            _Route("me", "/api/users/me", lambda _, user: user.info()),
            _Route("orgs", orgs, lambda request, user: answers.orgs(user, request.query)),
            _Route(
                "jobs",
                f"{orgs}/all/jobs",
                lambda request, _: answers.jobs(request.query),
                superadmins=True,
            ),
            _Route(
                "crawls",
                f"{orgs}/all/crawls",
                lambda request, _: answers.crawls(request.query),
                superadmins=True,
            ),
            _Route(
                "crawl",
                f"{orgs}/all/crawls/{{id}}",
                lambda request, _: answers.crawl(request.match_info["id"]),
                superadmins=True,
            ),
            _Route(
                "org",
                f"{orgs}/{{oid}}",
                lambda request, user: answers.org(user, request.match_info["oid"]),
            ),
            _Route(
                "metrics",
                f"{orgs}/{{oid}}/metrics",
                lambda request, user: answers.metrics(user, request.match_info["oid"]),
            ),
            _Route(
                "crawlconfigs",
                f"{orgs}/{{oid}}/crawlconfigs",
                lambda request, user: answers.crawlconfigs(
                    user, request.match_info["oid"], request.query
                ),
            ),
        )

    async def _handle(
        self,
        endpoint: Endpoint,
        answer: Callable[[web.Request], Awaitable[Any]],
        request: web.Request,
    ) -> web.Response:
        """Note the request, apply faults, and answer."""
        self._note(request, endpoint)
        verb: Verb = "POST" if request.method == "POST" else "GET"
        await self.faults.pass_slowness(endpoint)
        await self.faults.pass_stall(verb, endpoint)
        if ordered := self.faults.refusal(verb, endpoint):
            return web.Response(
                status=ordered.code,
                body=ordered.body,
                content_type=ordered.content_type,
                headers={"Retry-After": ordered.retry_after} if ordered.retry_after else None,
            )
        try:
            response = _json(await answer(request))
        except RefusedError as refused:
            response = _json(refused.body(), refused.status)
        self.faults.answered(endpoint)
        return response

    async def _authorised(self, route: _Route, request: web.Request) -> Any:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise RefusedError(404, "Not Found")
        user = self.accounts.user_of(token)
        if user is None:
            raise RefusedError(401, "invalid_credentials")
        if route.superadmins and not user.is_superuser:
            raise RefusedError(403, "Not Allowed")
        self.database.settle()
        return route.answer(request, user)

    async def _log_in(self, request: web.Request) -> Any:
        form = await request.post()
        email, password = form.get("username"), form.get("password")
        if not isinstance(email, str) or not isinstance(password, str):
            raise RefusedError(422, "username and password: field required")
        return self._token(self.accounts.log_in(email, password))

    def _token(self, user: User) -> dict[str, Any]:
        token = self.accounts.token(user)
        return {"access_token": token, "token_type": "bearer", "user_info": user.info()}

    def _public(
        self, endpoint: Endpoint, content: Callable[[], Any]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def answer(_: web.Request) -> Any:
            return content()

        return partial(self._handle, endpoint, answer)

    def _openapi(self) -> dict[str, Any]:
        return {
            "openapi": "3.1.0",
            "info": {"title": "Browsertrix", "version": _VERSION},
            "paths": {route.path: {route.verb.lower(): {}} for route in self._routes()},
        }

    async def _nothing(self, request: web.Request) -> web.Response:
        self._note(request, None)
        return _json({"detail": "Not Found"}, 404)

    def _note(self, request: web.Request, endpoint: Endpoint | None) -> None:
        query = dict(request.query)
        noted = Request(request.method, request.path, query, time.monotonic(), endpoint)
        self.requests.append(noted)


def _json(content: Any, status: int = 200) -> web.Response:
    return web.Response(status=status, body=serialise(content), content_type="application/json")
