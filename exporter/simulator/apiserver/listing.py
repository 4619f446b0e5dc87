"""One page of a list: ready objects joined, and the token for the next page.

As the Kubernetes API concepts describe it ("Retrieving large results sets in chunks"): all pages
of a list show the version of the first; when that is compacted, the token expires (410).
"""

import base64
import binascii
import bisect
import json
from dataclasses import dataclass
from itertools import islice

from exporter.simulator.apiserver import errors
from exporter.simulator.apiserver.cluster import Cluster
from exporter.simulator.apiserver.encoding import serialise
from exporter.simulator.apiserver.selectors import Selection
from exporter.simulator.apiserver.served_resource import ServedResource
from exporter.simulator.apiserver.storage import Key, Snapshot, Stored

_INCONSISTENT = -1
"""In place of a version: go on with what is there now."""


@dataclass(frozen=True, slots=True)
class Page:
    """The objects of one page, and the metadata of the list."""

    resource: ServedResource
    objects: list[Stored]
    metadata: dict[str, object]

    def body(self) -> bytes:
        """The list as JSON."""
        resource = self.resource
        of = {"apiVersion": resource.api_version, "kind": f"{resource.kind}List"}
        head = serialise({**of, "metadata": self.metadata})
        items = b",".join([stored.list_item() for stored in self.objects])
        return b'%b,"items":[%b]}\n' % (head[:-1], items)


def page(
    cluster: Cluster, selection: Selection, limit: int, token: str, exactly: int | None = None
) -> Page:
    """One page of a list, at the version ``exactly`` if that is given.

    Raises ApiError: 400 for a token that is none, 410 for one, or a version, that has expired.
    """
    resource, after = selection.resource, None
    snapshot = None
    if token:
        version, after = _decoded(token)
        if version != _INCONSISTENT:
            snapshot = cluster.snapshot_at(version, resource)
            if snapshot is None:
                raise errors.continue_expired(_encoded(_INCONSISTENT, after))
    elif exactly is not None:
        snapshot = cluster.snapshot_at(exactly, resource)
        if snapshot is None:
            raise errors.list_too_old()
    return _page(snapshot or cluster.snapshot(resource), selection, limit, after)


def _page(snapshot: Snapshot, selection: Selection, limit: int, after: Key | None) -> Page:
    objects, left = snapshot.objects, snapshot.within(selection.namespace)
    if after is not None:
        start = bisect.bisect_right(objects, after, key=lambda item: item.key)
        left = range(max(left.start, start), left.stop)
    # Never a copy of all that is left: of 400,000 pods a page would take longer than its content.
    found = snapshot.at(left)
    selected = (one for one in found if one in selection) if selection.selects else found
    chosen = list(islice(selected, limit or None))
    metadata: dict[str, object] = {"resourceVersion": str(snapshot.version)}
    if selection.resource.is_custom:  # of a custom resource it is always there
        metadata["continue"] = ""
    elif selection.shard is not None:  # which the list of a custom resource does not say (1.37)
        metadata["shardInfo"] = {"selector": selection.shard.text}
    if selection.resource.aggregated:  # what is measured has no version
        metadata, limit = {}, 0
    # With a selector neither this server nor the real one looks whether more of them match.
    if limit and len(chosen) == limit and chosen[-1] is not objects[left.stop - 1]:
        metadata["continue"] = _encoded(snapshot.version, chosen[-1].key)
        if not selection.selects:
            metadata["remainingItemCount"] = len(left) - len(chosen)
    return Page(selection.resource, chosen, metadata)


def _encoded(version: int, after: Key) -> str:
    text = {"v": "meta.k8s.io/v1", "rv": version, "start": "\0".join(after)}
    return base64.urlsafe_b64encode(serialise(text)).decode().rstrip("=")


def _decoded(token: str) -> tuple[int, Key]:
    try:
        text = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        namespace, name = text["start"].split("\0")
        return int(text["rv"]), (namespace, name)
    except (binascii.Error, ValueError, KeyError, TypeError, AttributeError):
        raise errors.bad_request("invalid continue token: continue key is not valid") from None
