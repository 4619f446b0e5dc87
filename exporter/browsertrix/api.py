"""Reading Browsertrix as a superadmin: one thing, or all items of a list."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Final, Protocol, TypeVar

from exporter.browsertrix.http import HTTPClient
from exporter.browsertrix.session import Session
from exporter.runtime.http_errors import RequestError
from exporter.runtime.time_slice import TimeSlice

PAGE_SIZE: Final = 100
"""Items: some hundred kilobytes, which are decoded in a few milliseconds."""
MOST_PAGES: Final = 1000
"""Of one list."""

Item = Mapping[str, Any]


class Identified(Protocol):
    """What has an id."""

    id: str


T = TypeVar("T", bound=Identified)


class BrowsertrixAPI:
    """What can be asked; each raises RequestError."""

    def __init__(self, http: HTTPClient, session: Session) -> None:
        self._http = http
        self._session = session

    async def get(self, endpoint: str, path: str, query: Mapping[str, str] | None = None) -> Any:
        """Return what is at a path below ``/api``, decoded; a token that was refused is renewed."""
        token = await self._session.token()
        try:
            answer = await self._http.get(endpoint, path, query or {}, token)
        except RequestError as error:
            if error.reason == "forbidden":
                await self._session.verify()
            if error.reason != "unauthorized":
                raise
            token = await self._session.renewed(token)
            answer = await self._http.get(endpoint, path, query or {}, token)
        return answer.content

    async def get_object(self, endpoint: str, path: str) -> Item:
        """Return one object."""
        return _object(await self.get(endpoint, path))

    async def check_superadmin(self) -> None:
        """Raise LoginRefusedError where the user is none any more."""
        await self._session.verify()

    async def list(
        self, endpoint: str, path: str, read: Callable[[Item], T | None]
    ) -> dict[str, T]:
        """Return all items of a list by their ids, each once; None of ``read`` leaves one out.

        What others do between two pages may move an item to the page that was read before: where
        their number changes, or some are missing, the list is read again, once.
        """
        found, is_whole = await self._list_once(endpoint, path, read)
        if not is_whole:
            found, _ = await self._list_once(endpoint, path, read)
        return found

    async def _list_once(
        self, endpoint: str, path: str, read: Callable[[Item], T | None]
    ) -> tuple[dict[str, T], bool]:
        """Return the items, and whether they are all there were, as far as one can know."""
        found: dict[str, T] = {}
        seen: set[object] = set()
        totals: set[int] = set()
        time_slice = TimeSlice()
        async with aclosing(self.pages(endpoint, path, {})) as pages:
            async for items, total in pages:
                before = len(seen)
                totals.add(total)
                for item in items:
                    seen.add(_identity(item))
                    one = read(item)
                    if one is not None:
                        found[one.id] = one
                    await time_slice.yield_if_due()
                if len(seen) == before:  # beyond the end, or the same page again and again
                    break
        return found, len(totals) == 1 and len(seen) >= min(totals)

    async def pages(
        self, endpoint: str, path: str, query: Mapping[str, str], *, size: int = PAGE_SIZE
    ) -> AsyncGenerator[tuple[Sequence[Item], int]]:
        """Yield the items of each page, and how many there are in all by what it says.

        Ends after the last page. Raises RequestError also after ``MOST_PAGES``.
        """
        for number in range(1, MOST_PAGES + 1):
            page = {**query, "page": str(number), "pageSize": str(size)}
            content = _object(await self.get(endpoint, path, page))
            items, total = content.get("items"), content.get("total")
            if not isinstance(items, list) or not isinstance(total, int):
                raise RequestError("not_json", "its answer is no page of a list")
            yield [item for item in items if isinstance(item, dict)], total
            if not items or number * size >= total:
                return
        raise RequestError("too_large", f"a list has more than {MOST_PAGES} pages")


def _object(content: Any) -> Item:
    if not isinstance(content, dict):
        raise RequestError("not_json", "its answer is no object")
    return content


def _identity(item: Item) -> object:
    """The id; what has none is told apart by what it is."""
    found = item.get("id")
    return found if isinstance(found, str) else repr(item)
