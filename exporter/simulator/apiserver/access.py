"""Who may ask an API server for what, and which of its APIs are there at all.

All of it may be changed while the server runs.
"""

import re
from collections.abc import Iterable
from typing import Final

from aiohttp import web

from exporter.simulator.apiserver import errors
from exporter.simulator.apiserver.faults import Verb
from exporter.simulator.apiserver.served_resource import CRAWLJOBS, ServedResource

_PUBLIC: Final = {"/livez", "/readyz", "/healthz", "/version"}
"""What needs no token."""
_JSON: Final = re.compile(r"(application|\*)/(json|\*)")
"""In an ``Accept``; other forms than JSON are not served."""


class Access:
    """The rules of one server.

    ``tokens`` are the bearer tokens accepted (None: everybody), ``forbidden`` the namespaces in
    which nothing is allowed (an empty one stands for the cluster scope), ``installed`` whether
    Browsertrix' definitions are there. By the names of resources or groups
    (``ServedResource.names``) ``without`` is what is not served (404), ``denied`` what nobody may
    ask for (403), ``down`` what the server behind this one does not answer for (503), as where
    metrics-server is down.
    """

    def __init__(
        self,
        tokens: set[str] | None,
        *,
        without: Iterable[str],
        denied: Iterable[str],
        down: Iterable[str],
    ) -> None:
        self.tokens = tokens
        self.forbidden: set[str] = set()
        self.installed = True
        self.without = set(without)
        self.denied = set(denied)
        self.down = set(down)

    def serves(self, resource: ServedResource) -> bool:
        """Whether it is there."""
        return not _named(self.without, resource)

    def is_down(self, path: str, resources: Iterable[ServedResource]) -> bool:
        """Whether it is a path of a group whose own server is to be asked, and does not answer."""
        return any(
            f"{path}/".startswith(f"{resource.root}/") and _named(self.down, resource)
            for resource in resources
        )

    def authorise(self, request: web.Request, resource: ServedResource | None, verb: Verb) -> None:
        """Raise ApiError (401, 403, 406) or HTTPNotFound where the request gets no further."""
        given = request.headers.get("Authorization")
        if self.tokens is not None and given is not None:
            scheme, _, token = given.partition(" ")
            if scheme != "Bearer" or token not in self.tokens:
                raise errors.unauthorized()
        anonymous = self.tokens is not None and given is None
        user = "system:anonymous" if anonymous else "simulated"
        if resource is not None:
            namespace = request.match_info.get("namespace", "")
            refused = namespace in self.forbidden or _named(self.denied, resource)
            if anonymous or refused:
                name = request.match_info.get("name", "")
                sub = "status" if request.path.endswith("/status") else ""
                raise errors.forbidden(user, verb, resource, namespace, name=name, sub=sub)
        elif anonymous and request.path.rstrip("/") not in _PUBLIC:
            raise errors.forbidden_path(user, request.path)
        accepted = request.headers.get("Accept", "*/*")
        if resource is not None and not _JSON.search(accepted):
            raise errors.not_acceptable()
        if not self.installed and request.path.startswith(f"/apis/{CRAWLJOBS.group}"):
            raise web.HTTPNotFound
        if resource is not None and not self.serves(resource):
            raise web.HTTPNotFound


def _named(names: set[str], resource: ServedResource) -> bool:
    return not names.isdisjoint(resource.names)
