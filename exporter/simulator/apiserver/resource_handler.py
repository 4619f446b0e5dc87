"""What can be asked of a resource: list, watch, create, read, replace, patch, delete.

Each handler either answers or raises ApiError. Semantics as the Kubernetes API concepts describe
them; what a request may not set (status, uid, times) is taken out before the cluster sees it.
"""

import asyncio
import random
from typing import Final

from aiohttp import web

from exporter.simulator.apiserver import errors, validation
from exporter.simulator.apiserver.cluster import Cluster
from exporter.simulator.apiserver.defaults import grace_period, initial_status
from exporter.simulator.apiserver.encoding import serialise
from exporter.simulator.apiserver.errors import ApiError
from exporter.simulator.apiserver.faults import Faults, Verb
from exporter.simulator.apiserver.listing import Page, page
from exporter.simulator.apiserver.selectors import (
    Selection,
    field_selector,
    label_selector,
    shard_selector,
)
from exporter.simulator.apiserver.served_resource import ServedResource
from exporter.simulator.apiserver.tables import ACCEPTED, has_table, table
from exporter.simulator.apiserver.validation import is_true
from exporter.simulator.apiserver.watching import WatchStream

_VERBS: Final[dict[str, Verb]] = {
    "GET": "get",
    "HEAD": "get",
    "POST": "create",
    "PUT": "update",
    "PATCH": "patch",
    "DELETE": "delete",
}
_PATCHES: Final = (
    "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml"
)
"""Those of a real server; here there are merge patches alone."""


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
            None if self._faults.ignores_shards else shard_selector(query.get("shardSelector", "")),
        )
        watch = is_true(query, "watch")
        if self._resource.aggregated:
            if watch:
                raise errors.not_allowed(self._resource, "watch")
            return self._listed(request, page(self._cluster, selection, 0, ""))
        validation.check_list_options(query, watch=watch)
        version = validation.version(query, watch=watch)
        if watch:
            return await self._watch(request, selection, version)
        limit = max(validation.number(query, "limit"), 0)
        current = self._cluster.resource_version
        if version > current:
            raise errors.too_new(version, current)
        if query.get("resourceVersion") == "0":  # from the watch cache, which has no pages
            limit = 0
        exactly = version if query.get("resourceVersionMatch") == "Exact" else None
        token = query.get("continue", "")
        return self._listed(request, page(self._cluster, selection, limit, token, exactly))

    def _listed(self, request: web.Request, found: Page) -> web.Response:
        """As the client wants it: a list, or a table."""
        if not _wants_table(request) or not has_table(self._resource):
            return json_response(found.body())
        now = self._cluster.clock()
        return json_response(serialise(table(self._resource, found.objects, found.metadata, now)))

    async def _watch(
        self, request: web.Request, selection: Selection, version: int
    ) -> web.StreamResponse:
        query = request.query
        if version and version < self._cluster.compacted_version:
            gone = errors.too_old(version, self._cluster.compacted_version)
            if self._faults.gone_form == "status":
                raise gone
        timeout = float(validation.number(query, "timeoutSeconds"))
        if not timeout:  # the real server's choice, unless set: half an hour to an hour
            timeout = self._watch_timeout or random.uniform(1800, 3600)  # noqa: S311 - no secret
        bookmarks = is_true(query, "allowWatchBookmarks")
        stream = WatchStream(
            self._cluster,
            self._faults,
            selection,
            None if is_true(query, "sendInitialEvents") else version or None,
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
        value = validation.read_object(self._resource, await _body(request))
        validation.check_key(value, request.match_info["namespace"])
        metadata = value["metadata"]
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
            why = "resourceVersion should not be set on objects to be created"
            raise ApiError(500, why, reason="")
        if status := initial_status(self._resource, value):
            value["status"] = status
        created = self._cluster.create(value, manager=_manager(request), resource=self._resource)
        return json_response(serialise(created), 201)

    async def read(self, request: web.Request) -> web.Response:
        """GET of one object."""
        stored = self._cluster.stored(*_key(request), self._resource)
        if not _wants_table(request) or not has_table(self._resource):
            return json_response(stored.data)
        metadata: dict[str, object] = {"resourceVersion": str(stored.version)}
        return self._listed(request, Page(self._resource, [stored], metadata))

    async def replace(self, request: web.Request) -> web.Response:
        """PUT of an object, or of its status; the version it was read at is needed."""
        value = validation.read_object(self._resource, await _body(request))
        namespace, name = _key(request)
        validation.check_key(value, namespace, name)
        before = self._cluster.get(namespace, name, self._resource)
        if not value["metadata"].get("resourceVersion"):
            raise errors.invalid(
                "metadata.resourceVersion",
                "FieldValueInvalid",
                "Invalid value: 0: must be specified for an update",
                group=self._resource.group,
                kind=self._resource.plural,
                name=name,
            )
        validation.check_update(self._resource, before, value["metadata"])
        written = self._cluster.replace(
            value,
            status=_of_status(request),
            manager=_manager(request),
            resource=self._resource,
        )
        return json_response(serialise(written))

    async def patch(self, request: web.Request) -> web.Response:
        """PATCH with a merge patch, of an object or of its status."""
        body = await _body(request, "application/merge-patch+json", _PATCHES)
        merge = validation.read_patch(self._resource, body)
        namespace, name = _key(request)
        before = self._cluster.get(namespace, name, self._resource)
        validation.check_key({"metadata": {**merge.get("metadata", {})}}, namespace, name)
        validation.check_update(self._resource, before, merge.get("metadata", {}))
        written = self._cluster.patch(
            namespace,
            name,
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
        options = validation.read_options(await _body(request) if request.can_read_body else b"")
        wanted = options.get("preconditions") or {}
        value = stored.value()
        uid = value["metadata"].get("uid")
        if wanted.get("uid", uid) != uid:
            raise errors.precondition_failed(
                self._resource,
                name,
                f"the UID in the precondition ({wanted['uid']}) does not match the UID in record "
                f"({uid}). The object might have been deleted and then recreated",
            )
        version = str(wanted.get("resourceVersion", stored.version))
        if version != str(stored.version):
            raise errors.precondition_failed(
                self._resource,
                name,
                f"the ResourceVersion in the precondition ({version}) does not match the "
                f"ResourceVersion in record ({stored.version}). The object might have been "
                "modified",
            )
        grace = grace_period(self._resource, value, options.get("gracePeriodSeconds"))
        left = self._cluster.delete(namespace, name, grace=grace, resource=self._resource)
        if left is not None:
            return json_response(serialise(left))
        if not self._resource.is_custom:  # they answer with what it was
            return json_response(self._cluster.recent(1, self._resource)[0].after.data)
        details = {"name": name, **self._resource.details, "uid": uid}
        done = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
        return json_response(serialise({**done, "details": details}))


def json_response(body: bytes, status: int = 200) -> web.Response:
    """Answer with ready JSON."""
    return web.Response(body=body, status=status, content_type="application/json")


def verb_of(request: web.Request, resource: ServedResource | None) -> Verb:
    """What RBAC would call the request."""
    if resource and request.method == "GET" and request.path.endswith(f"/{resource.plural}"):
        return "watch" if is_true(request.query, "watch") else "list"
    return _VERBS.get(request.method, "get")


def _key(request: web.Request) -> tuple[str, str]:
    return request.match_info["namespace"], request.match_info["name"]


def _of_status(request: web.Request) -> bool:
    return request.path.endswith("/status")


def _wants_table(request: web.Request) -> bool:
    return ACCEPTED in request.headers.get("Accept", "")


def _manager(request: web.Request) -> str:
    """Who writes: as named, else what the client calls itself up to the first slash."""
    named = request.query.get("fieldManager", "")
    return named or request.headers.get("User-Agent", "").partition("/")[0]


async def _body(
    request: web.Request, content_type: str = "application/json", accepted: str = ""
) -> bytes:
    if request.content_type not in {content_type, "application/octet-stream"}:
        raise errors.unknown_format(accepted)
    return await request.read()
