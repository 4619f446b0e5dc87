"""What one source beside the CrawlJobs knows of crawls, as long as it vouches for it.

An object may come before its CrawlJob or after, and outlast it: it waits here. Whether the source
vouches is said by scope; what it does not vouch for is unknown, and served by nobody.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Final, Generic, TypeAlias, TypeVar

from exporter.cluster.changes import Change
from exporter.resources.identity import identity
from exporter.resources.resource import ResourceObject

CrawlKey: TypeAlias = tuple[str, str]
"""Namespace and id of a crawl."""

T = TypeVar("T", bound=ResourceObject)

logger = logging.getLogger(__name__)

MOST_OBJECTS: Final = 1000
"""Of one crawl, which has a dozen; each change of one copies what is known of the others."""


class Part(Generic[T]):
    """Handles the changes of one source's objects, and has those of each crawl by name."""

    def __init__(
        self,
        crawl_of: Callable[[T], str | None],
        on_part_changed: Callable[[str, CrawlKey | None], None],
        before_change: Callable[[CrawlKey, str], None],
    ) -> None:
        """``crawl_of`` returns the id of the crawl that an object belongs to.

        ``before_change`` is called with the crawl and the object's identity before a change of it
        is taken in; ``on_part_changed`` after it, with the scope, and the crawl or None where it is
        all.
        """
        self._crawl_of = crawl_of
        self._on_part_changed = on_part_changed
        self._before_change = before_change
        self._objects: dict[CrawlKey, dict[str, T]] = {}
        """Never changed, but replaced: a crawl that was handed on keeps what it had."""
        self._none: Mapping[str, T] = {}
        self._vouched: set[str] = set()
        self._crowded: set[CrawlKey] = set()
        """Crawls with more objects than are held."""

    def of(self, scope: str, key: CrawlKey) -> Mapping[str, T] | None:
        """The crawl's objects by name; None where the source does not vouch for the scope."""
        if scope not in self._vouched:
            return None
        return self._objects.get(key, self._none)

    def on_change(self, change: Change[T], /) -> None:
        """One object became known, changed, or was deleted."""
        before, after = change.before, None if change.deleted else change.after
        key = None if after is None else self._key(after)
        if before is not None and (after is None or self._key(before) != key):
            self._remove(change.scope, before)
        elif before is None and after is None and change.after is not None:
            self._remove(change.scope, change.after)
        if after is not None and key is not None:
            self._put(change.scope, key, after)

    def on_synced(self, scope: str, resource_version: str) -> None:  # noqa: ARG002 - the protocol's
        """The scope's objects are complete: from now on the source vouches for them."""
        if scope not in self._vouched:
            self._vouched.add(scope)
            self._on_part_changed(scope, None)

    def on_unknown(self, scope: str) -> None:
        """The source does not vouch for the scope any more, until it is synced again."""
        if scope in self._vouched:
            self._vouched.remove(scope)
            self._on_part_changed(scope, None)

    def on_bookmark(self, scope: str, resource_version: str) -> None:
        """Nothing to do: nothing resumes from here."""

    def _key(self, item: T) -> CrawlKey | None:
        crawl = self._crawl_of(item)
        return (item.metadata.namespace, crawl) if crawl else None

    def _put(self, scope: str, key: CrawlKey, item: T) -> None:
        self._about_to_change(scope, key, item)
        held, name = self._objects.get(key, {}), item.metadata.name
        if len(held) < MOST_OBJECTS or name in held:
            self._objects[key] = {**held, name: item}
            self._changed(scope, key)
        elif key not in self._crowded:
            self._crowded.add(key)
            logger.warning(
                "crawl has too many objects of one kind: the last of them are left out",
                extra={"namespace": key[0], "crawl": key[1], "kind": type(item).__name__},
            )

    def _remove(self, scope: str, item: T) -> None:
        key = self._key(item)
        if key is None or item.metadata.name not in self._objects.get(key, {}):
            return
        self._about_to_change(scope, key, item)
        left = {name: one for name, one in self._objects[key].items() if name != item.metadata.name}
        if left:
            self._objects[key] = left
        else:
            del self._objects[key]
            self._crowded.discard(key)
        self._changed(scope, key)

    def _about_to_change(self, scope: str, key: CrawlKey, item: T) -> None:
        if scope in self._vouched:
            self._before_change(key, identity(item))

    def _changed(self, scope: str, key: CrawlKey) -> None:
        if scope in self._vouched:
            self._on_part_changed(scope, key)
