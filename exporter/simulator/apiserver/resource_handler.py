"""What can be asked of a resource: list, watch, create, read, replace, patch, delete.

Each handler either answers or raises ApiError. Semantics as the Kubernetes API concepts describe
them; what a request may not set (status, uid, times) is taken out before the cluster sees it.
"""

import asyncio
import json
import random
from typing import Final

from aiohttp import web

from exporter.simulator.apiserver import errors
from exporter.simulator.apiserver.cluster import Cluster
from exporter.simulator.apiserver.encoding import serialise
from exporter.simulator.apiserver.errors import ApiError
from exporter.simulator.apiserver.faults import Faults, Verb
from exporter.simulator.apiserver.listing import page
from exporter.simulator.apiserver.selectors import Selection, field_selector, label_selector
from exporter.simulator.apiserver.served_resource import ServedResource
from exporter.simulator.apiserver.updates import Object
from exporter.simulator.apiserver.watching import WatchStream

_VERBS: Final[dict[str, Verb]] = {
    "GET": "get",
    "HEAD": "get",
    "POST": "create",
    "PUT": "update",
    "PATCH": "patch",
    "DELETE": "delete",
}


class ResourceHandler:
    """One resource of one cluster; open watches are known to its faults."""

    def __init__(
        self,
        resource: ServedResource,
        cluster: Cluster,
        faults: Faults,
        *,
        bookmark_every: float,
        watch_timeout: float | None,
    ) -> None:
        self._resource = resource
        self._cluster = cluster
        self._faults = faults
        self._bookmark_every = bookmark_every
        self._watch_timeout = watch_timeout

    async def collection(self, request: web.Request) -> web.StreamResponse:
        """List or watch, over all namespaces or in one."""
        query = request.query
        selection = Selection(
            self._resource,
            request.match_info.get("namespace", ""),
            label_selector(query.get("labelSelector", "")),
            field_selector(query.get("fieldSelector", "")),
        )
        version = _number(query.get("resourceVersion", ""), "resourceVersion")
        if _is_true(query.get("watch", "")):
            return await self._watch(request, selection, version)
        current = self._cluster.resource_version
        if version > current:
            raise errors.too_new(version, current)
        if query.get("resourceVersionMatch") == "Exact" and version != current:
            raise errors.too_old(version, current)
        limit = _number(query.get("limit", ""), "limit")
        return json_response(page(self._cluster, selection, limit, query.get("continue", "")))

    async def _watch(
        self, request: web.Request, selection: Selection, version: int
    ) -> web.StreamResponse:
        query = request.query
        if version and version < self._cluster.compacted_version:
            gone = errors.too_old(version, self._cluster.compacted_version)
            if self._faults.gone_form == "status":
                raise gone
        timeout = float(_number(query.get("timeoutSeconds", ""), "timeoutSeconds"))
        if not timeout:  # the real server's choice, unless set: half an hour to an hour
            timeout = self._watch_timeout or random.uniform(1800, 3600)  # noqa: S311 - no secret
        bookmarks = _is_true(query.get("allowWatchBookmarks", ""))
        stream = WatchStream(
            self._cluster,
            self._faults,
            selection,
            version or None,
            self._bookmark_every if bookmarks else None,
        )
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.enable_chunked_encoding()
        self._faults.streams.add(stream)
        try:
            await response.prepare(request)
            await stream.run(request, response, asyncio.get_running_loop().time() + timeout)
        except ConnectionError:
            pass  # the client left
        finally:
            self._faults.streams.discard(stream)
        return response

    async def create(self, request: web.Request) -> web.Response:
        """POST; the status subresource alone takes a status."""
        value = await _body(request, "application/json")
        metadata = value.setdefault("metadata", {})
        namespace = request.match_info["namespace"]
        if metadata.setdefault("namespace", namespace) != namespace:
            raise errors.bad_request(
                "the namespace of the provided object does not match the namespace sent on the"
                " request"
            )
        value.pop("status", None)
        for name in (
            "uid",
            "creationTimestamp",
            "deletionTimestamp",
            "generation",
            "managedFields",
        ):
            metadata.pop(name, None)
        if "resourceVersion" in metadata:
            raise errors.bad_request("resourceVersion should not be set on objects to be created")
        created = self._cluster.create(value, manager=_manager(request), resource=self._resource)
        return json_response(serialise(created), 201)

    async def read(self, request: web.Request) -> web.Response:
        """GET of one object."""
        return json_response(self._cluster.stored(*_key(request), self._resource).data)

    async def replace(self, request: web.Request) -> web.Response:
        """PUT of an object, or of its status; the version it was read at is needed."""
        value = await _body(request, "application/json")
        namespace, name = _key(request)
        metadata = value.setdefault("metadata", {})
        if metadata.setdefault("name", name) != name:
            raise errors.bad_request(
                f"the name of the object ({metadata['name']}) does not match the name on the URL"
                f" ({name})"
            )
        metadata["namespace"] = namespace
        self._cluster.stored(namespace, name, self._resource)
        if not metadata.get("resourceVersion"):
            raise errors.invalid(
                self._resource,
                name,
                "metadata.resourceVersion: Invalid value: 0x0: must be specified for an update",
            )
        written = self._cluster.replace(
            value,
            status=_of_status(request),
            manager=_manager(request),
            resource=self._resource,
        )
        return json_response(serialise(written))

    async def patch(self, request: web.Request) -> web.Response:
        """PATCH with a merge patch, of an object or of its status."""
        merge = await _body(request, "application/merge-patch+json")
        written = self._cluster.patch(
            *_key(request),
            merge,
            status=_of_status(request),
            manager=_manager(request),
            resource=self._resource,
        )
        return json_response(serialise(written))

    async def delete(self, request: web.Request) -> web.Response:
        """DELETE; answers with what waits for finalizers, else with a ``Status``."""
        namespace, name = _key(request)
        stored = self._cluster.stored(namespace, name, self._resource)
        options = await _body(request, "application/json") if request.can_read_body else {}
        wanted = options.get("preconditions") or {}
        uid = stored.value()["metadata"].get("uid")
        if wanted.get("uid", uid) != uid:
            raise errors.conflict(
                self._resource,
                name,
                "Precondition failed: UID in precondition does not match",
            )
        if str(wanted.get("resourceVersion", stored.version)) != str(stored.version):
            raise errors.conflict(
                self._resource, name, "Precondition failed: ResourceVersion does not match"
            )
        left = self._cluster.delete(namespace, name, resource=self._resource)
        if left is not None:
            return json_response(serialise(left))
        details = {"name": name, **self._resource.details, "uid": uid}
        done = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
        return json_response(serialise({**done, "details": details}))


def json_response(body: bytes, status: int = 200) -> web.Response:
    """Answer with ready JSON."""
    return web.Response(body=body, status=status, content_type="application/json")


def verb_of(request: web.Request, resource: ServedResource | None) -> Verb:
    """What RBAC would call the request."""
    if resource and request.method == "GET" and request.path.endswith(f"/{resource.plural}"):
        return "watch" if _is_true(request.query.get("watch", "")) else "list"
    return _VERBS.get(request.method, "get")


def _key(request: web.Request) -> tuple[str, str]:
    return request.match_info["namespace"], request.match_info["name"]


def _of_status(request: web.Request) -> bool:
    return request.path.endswith("/status")


def _manager(request: web.Request) -> str:
    """Who writes: as named, else what the client calls itself up to the first slash."""
    named = request.query.get("fieldManager", "")
    return named or request.headers.get("User-Agent", "").partition("/")[0]


def _is_true(text: str) -> bool:
    return text.lower() in {"1", "true"}


def _number(text: str, name: str) -> int:
    """0 for an empty text. Raises ApiError (400) for anything but a whole number."""
    if not text:
        return 0
    if not text.isdecimal():
        raise errors.bad_request(f'invalid value for "{name}": {text!r}')
    return int(text)


async def _body(request: web.Request, content_type: str) -> Object:
    if request.content_type not in {content_type, "application/octet-stream"}:
        raise ApiError(
            415,
            f"the body of the request was in an unknown format - accepted media types include:"
            f" {content_type}",
        )
    try:
        value = json.loads(await request.read())
    except ValueError:
        raise errors.bad_request("the body is not valid JSON") from None
    if not isinstance(value, dict) or not isinstance(value.get("metadata", {}), dict):
        raise errors.bad_request("the body is not an object with metadata")
    return value
