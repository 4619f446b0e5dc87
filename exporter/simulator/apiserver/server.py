"""An API server over real HTTP, for CrawlJobs and whatever else ``served_resource`` declares.

It does what clients of the real one rely on, and refuses with the same ``Status``; faults can be
ordered (``faults``). Namespaces need not exist. It runs in the caller's event loop, on 127.0.0.1
by default, and stopped and started again keeps its port.
"""

import ssl
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiohttp import web
from multidict import CIMultiDictProxy

from exporter.simulator.apiserver import discovery, errors, kubeconfig
from exporter.simulator.apiserver.access import Access
from exporter.simulator.apiserver.cluster import Cluster
from exporter.simulator.apiserver.encoding import serialise
from exporter.simulator.apiserver.errors import ApiError
from exporter.simulator.apiserver.faults import Faults, Verb
from exporter.simulator.apiserver.resource_handler import ResourceHandler, json_response, verb_of
from exporter.simulator.apiserver.served_resource import ServedResource
from exporter.simulator.http_server import HTTPServer

_LARGEST_BODY: Final = 64 * 1024 * 1024
_REMEMBERED_REQUESTS: Final = 10_000
_METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came in, refused ones included; ``time`` is ``time.monotonic()``'s."""

    method: str
    path: str
    query: dict[str, str]
    time: float
    verb: Verb
    resource: ServedResource | None
    """None where it is about no object: discovery, health, version."""
    headers: CIMultiDictProxy[str]


class ApiServer(HTTPServer, Access):
    """Serves one Cluster.

    ``tokens``, ``without``, ``denied`` and ``down`` are those of ``Access``. ``bookmark_every`` is
    in seconds, as is ``watch_timeout``, for watches that name no timeout of their own.

    Started again it is as another API server of the same cluster: watches go on where they were.
    That of a cluster which has only one begins its watch cache anew, so that watches from before
    are too old; ``Cluster.compact`` while it is stopped does that.
    """

    def __init__(  # each a property of a server  # noqa: PLR0913
        self,
        cluster: Cluster,
        *,
        tokens: set[str] | None = None,
        without: Iterable[str] = (),
        denied: Iterable[str] = (),
        down: Iterable[str] = (),
        host: str = "127.0.0.1",
        port: int = 0,
        ssl_context: ssl.SSLContext | None = None,
        bookmark_every: float = 60.0,
        watch_timeout: float | None = None,
        node_metrics: Callable[[str], str] | None = None,
    ) -> None:
        """``node_metrics`` returns the metrics of the kubelet on a node."""
        HTTPServer.__init__(self, host, port, ssl_context)
        Access.__init__(self, tokens, without=without, denied=denied, down=down)
        self.cluster = cluster
        self.requests: deque[Request] = deque(maxlen=_REMEMBERED_REQUESTS)
        self.faults = Faults(cluster)
        self._bookmark_every = bookmark_every
        self._watch_timeout = watch_timeout
        self._node_metrics = node_metrics

    # Running

    def _release(self) -> None:
        """End the open watches, too."""
        self.faults.release()
        self.faults.cut()

    @property
    def streams(self) -> int:
        """How many watches are open."""
        return len(self.faults.streams)

    def count(self, verb: Verb, resource: ServedResource | None = None) -> int:
        """How many requests with this verb came in, for one resource if it is given."""
        return sum(
            request.verb == verb and resource in {None, request.resource}
            for request in self.requests
        )

    def write_kubeconfig(
        self, path: Path, token: str | None = None, *, authority: Path | None = None
    ) -> Path:
        """Write a kubeconfig for it; ``authority`` is the CA certificate that a client trusts."""
        return kubeconfig.write(path, self.url, token, authority)

    # Answering

    def _application(self) -> web.Application:
        app = web.Application(client_max_size=_LARGEST_BODY, middlewares=[self._gate])
        for path in discovery.documents(self.cluster.resources):
            app.router.add_get(path, self._discover)
            app.router.add_get(f"{path}/", self._discover)  # as generated clients ask
        for path in ("/livez", "/readyz", "/healthz"):
            app.router.add_get(path, _ok)
        if self._node_metrics is not None:
            app.router.add_get("/api/v1/nodes/{node}/proxy/metrics", self._metrics_of_node)
        for resource in self.cluster.resources:
            self._add_routes(app.router, resource)
        return app

    def _add_routes(self, router: web.UrlDispatcher, resource: ServedResource) -> None:
        handler = ResourceHandler(
            resource,
            self.cluster,
            self.faults,
            bookmark_every=self._bookmark_every,
            watch_timeout=self._watch_timeout,
        )
        many = f"{resource.root}/namespaces/{{namespace}}/{resource.plural}"
        one = f"{many}/{{name}}"
        router.add_get(f"{resource.root}/{resource.plural}", handler.collection)
        router.add_get(many, handler.collection)
        if resource.aggregated:
            router.add_get(one, handler.read)
            return
        router.add_post(many, handler.create)
        router.add_delete(one, handler.delete)
        for path in (one, f"{one}/status"):
            router.add_get(path, handler.read)
            router.add_put(path, handler.replace)
            router.add_patch(path, handler.patch)

    async def _discover(self, request: web.Request) -> web.Response:
        """A discovery document, of what is served at present."""
        path = request.path
        served = [one for one in self.cluster.resources if self.serves(one)]
        if discovery.AGGREGATED in request.headers.get("Accept", ""):
            whole = discovery.aggregated(served).get(path)
            if whole is not None:
                return web.Response(
                    body=serialise(whole), headers={"Content-Type": discovery.AGGREGATED}
                )
        document = discovery.documents(served).get(path.rstrip("/"))
        if document is None:
            raise web.HTTPNotFound
        return web.Response(body=serialise(document), content_type="application/json")

    async def _metrics_of_node(self, request: web.Request) -> web.Response:
        assert self._node_metrics is not None  # noqa: S101 - else there is no such route
        text = self._node_metrics(request.match_info["node"])
        return web.Response(text=text, headers={"Content-Type": _METRICS_TYPE})

    @web.middleware
    async def _gate(
        self,
        request: web.Request,
        handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
    ) -> web.StreamResponse:
        """Note the request, authorise it, apply faults, and answer refusals as a ``Status``."""
        resource = self._resource_at(request.path)
        verb = verb_of(request, resource)
        self.requests.append(
            Request(
                request.method,
                request.path,
                dict(request.query),
                time.monotonic(),
                verb,
                resource,
                request.headers,
            )
        )
        try:
            self.authorise(request, resource, verb)
            if self.is_down(request.path, self.cluster.resources):
                return web.Response(status=503, text="service unavailable\n")
            if resource is not None:
                ordered = await self._ordered(verb, resource)
                if ordered is not None:
                    return ordered
            return await handler(request)
        except ApiError as refused:
            response = json_response(refused.body(), refused.code)
            if wait := (refused.details or {}).get("retryAfterSeconds"):
                response.headers["Retry-After"] = str(wait)
            return response
        except web.HTTPNotFound:
            return _no_such_path()
        except web.HTTPMethodNotAllowed:
            return _wrong_method(request.path, resource, verb)

    def _resource_at(self, path: str) -> ServedResource | None:
        for resource in self.cluster.resources:
            if path.startswith(f"{resource.root}/"):
                first, *rest = path.removeprefix(f"{resource.root}/").split("/")
                if resource.plural == (rest[1] if first == "namespaces" and rest[1:] else first):
                    return resource
        return None

    async def _ordered(self, verb: Verb, resource: ServedResource) -> web.Response | None:
        """The answer that a test ordered instead, if any; first waits while the verb is stalled."""
        if verb != "watch":  # a stalled watch has headers already: the stream sees to it
            await self.faults.pass_stall(verb, resource)
        refusal = self.faults.refusal(verb, resource)
        if refusal is None:
            return None
        response = web.Response(
            status=refusal.code, body=refusal.body, content_type=refusal.content_type
        )
        if refusal.retry_after is not None:
            response.headers["Retry-After"] = refusal.retry_after
        return response


async def _ok(_: web.Request) -> web.Response:
    return web.Response(text="ok")


def _no_such_path() -> web.Response:
    return web.Response(status=404, text="404 page not found\n")


def _wrong_method(path: str, resource: ServedResource | None, verb: Verb) -> web.Response:
    """The answer to a method that a path does not have; custom resources have answers of theirs."""
    wrong = errors.not_allowed()
    if resource is not None and resource.is_custom:
        if path == f"{resource.root}/{resource.plural}":
            return _no_such_path()
        wrong = errors.not_allowed(resource, verb)
        if path.endswith(f"/{resource.plural}") and verb in {"update", "patch"}:
            wrong = errors.bad_request("name must be provided")
    return json_response(wrong.body(), wrong.code)
