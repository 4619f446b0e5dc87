"""Faults that a test orders of requests: refused ones, stalled ones, answers that are none.

Orders are one-shot or counted and used up in the order given. Each is about all verbs and
resources, or about those it names; what these are is the server's affair.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

HTML: Final = b"<!DOCTYPE html><html><body><h1>502 Bad Gateway</h1></body></html>\n"

V = TypeVar("V", bound=str)
R = TypeVar("R")


@dataclass(slots=True)
class Refusal(Generic[V, R]):
    """An answer given instead of the right one."""

    code: int
    body: bytes
    content_type: str
    retry_after: str | None
    verbs: frozenset[V]
    resource: R | None
    """Where it is one only."""
    left: int


class RequestFaults(Generic[V, R]):
    """The faults of one server."""

    def __init__(self, error: Callable[[int], bytes]) -> None:
        """``error`` makes the body of an answer with a code for which none is given."""
        self._error = error
        self._refusals: deque[Refusal[V, R]] = deque()
        self._stalled: set[tuple[V, R | None]] = set()
        self._released = asyncio.Event()

    def refuse(  # each part of an answer can be ordered  # noqa: PLR0913
        self,
        code: int,
        times: int = 1,
        *,
        retry_after: float | str | None = None,
        body: bytes | None = None,
        content_type: str = "application/json",
        only: V | None = None,
        resource: R | None = None,
    ) -> None:
        """Answer the next requests (for one verb only, if named) like this instead.

        ``retry_after`` is in seconds, or an HTTP date; without a body the server's own is sent.
        """
        self._refusals.append(
            Refusal(
                code,
                self._error(code) if body is None else body,
                content_type,
                None if retry_after is None else str(retry_after),
                frozenset({only} if only else ()),
                resource,
                times,
            )
        )

    def answer_html(
        self, times: int = 1, *, code: int = 200, only: V | None = None, resource: R | None = None
    ) -> None:
        """Answer with HTML, like a proxy in front of a server that is down."""
        html = "text/html"
        self.refuse(code, times, body=HTML, content_type=html, only=only, resource=resource)

    @property
    def refusing(self) -> bool:
        """Whether there are requests still to be refused."""
        return bool(self._refusals)

    def refusal(self, verb: V, resource: R) -> Refusal[V, R] | None:
        """The order, if any, that this request uses up."""
        for refusal in self._refusals:
            if refusal.resource not in {None, resource}:
                continue
            if not refusal.verbs or verb in refusal.verbs:
                refusal.left -= 1
                if refusal.left <= 0:
                    self._refusals.remove(refusal)
                return refusal
        return None

    def stall(self, *verbs: V, resource: R | None = None) -> None:
        """Answer nothing to these verbs until ``release``."""
        self._stalled = {(verb, resource) for verb in verbs}
        self._released.clear()

    def release(self) -> None:
        """End ``stall``: what was held back is sent."""
        self._stalled.clear()
        self._released.set()

    def stalled(self, verb: V, resource: R) -> bool:
        """Whether requests with this verb are kept waiting."""
        return (verb, None) in self._stalled or (verb, resource) in self._stalled

    async def pass_stall(self, verb: V, resource: R) -> None:
        """Wait while requests with this verb are kept waiting."""
        while self.stalled(verb, resource):
            await self._released.wait()
