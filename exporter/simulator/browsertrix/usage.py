"""What the pods that run use, as metrics-server measures it: PodMetrics, made when they are asked.

metrics-server asks each kubelet every fifteen seconds and has nothing of a pod before it has seen
it twice. Figures follow from pod and time alone, so that nobody has to write them: forty thousand
pods cost nothing until somebody lists them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from exporter.simulator.apiserver.encoding import serialise, stamp
from exporter.simulator.apiserver.served_resource import POD_METRICS
from exporter.simulator.apiserver.storage import Key, Stored

EVERY: Final = 15.0
"""Simulated seconds (``--metric-resolution`` of metrics-server)."""
_USUAL_MEMORY: Final = {"crawler": 0.4, "redis": 0.06}


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A pod that runs. ``memory`` is in bytes, ``cpu`` in cores: what it asks for."""

    key: Key
    labels: dict[str, str]
    container: str
    memory: int
    cpu: float
    since: int
    """The round of measurements in which it began."""
    number: int
    head: bytes
    """Its metadata, as far as it does not change."""
    share: Callable[[], float | None]
    """Memory in use as a share of what it asks for, where that is unusual."""


class PodUsage:
    """The pods that run in one installation."""

    def __init__(self, clock: Callable[[], float], speed: float) -> None:
        """``clock`` gives seconds since 1970, ``speed`` is simulated seconds a real one."""
        self._clock = clock
        self._every = EVERY / speed
        self._running: dict[Key, Measured] = {}
        self._added = 0
        self._round = -1
        self._objects: list[Stored] = []

    def add(  # what there is to know of it  # noqa: PLR0913
        self,
        key: Key,
        labels: dict[str, str],
        container: str,
        *,
        memory: int,
        cpu: float,
        share: Callable[[], float | None] = lambda: None,
        since: float | None = None,
    ) -> None:
        """The container of a pod has begun to run, now or at ``since``."""
        self._added += 1
        named = {"name": key[1], "namespace": key[0]}
        self._running[key] = Measured(
            key=key,
            labels=labels,
            container=container,
            memory=memory,
            cpu=cpu,
            since=self._round_at(self._clock() if since is None else since),
            number=self._added,
            head=serialise({**POD_METRICS.type_meta, "metadata": {**named, "labels": labels}}),
            share=share,
        )

    def remove(self, key: Key) -> None:
        """It has ended; metrics-server knows that from its next round on."""
        self._running.pop(key, None)

    def objects(self) -> list[Stored]:
        """PodMetrics as of the last round, by namespace and name."""
        now = self._round_at(self._clock())
        if now != self._round:
            self._round = now
            time = stamp(now * self._every).encode()
            seen = (self._running[key] for key in sorted(self._running))
            self._objects = [_stored(pod, now, time) for pod in seen if pod.since < now]
        return self._objects

    def _round_at(self, time: float) -> int:
        return int(time // self._every)


def _stored(pod: Measured, number: int, time: bytes) -> Stored:
    chance = ((pod.number * 2654435761 + number * 2246822519) & 0xFFFFFFFF) / 0x100000000
    share = pod.share()
    if share is None:
        share = _USUAL_MEMORY.get(pod.container, 0.3) + 0.1 * (chance - 0.5)
    data = (
        b'%b,"creationTimestamp":"%b"},"timestamp":"%b","window":"15s","containers":'
        b'[{"name":"%b","usage":{"cpu":"%dn","memory":"%dKi"}}]}'
        % (
            pod.head[:-2],
            time,
            time,
            pod.container.encode(),
            pod.cpu * (0.2 + 0.7 * chance) * 1e9,
            pod.memory * max(share, 0.01) / 1024,
        )
    )
    return Stored(POD_METRICS, pod.key, 0, pod.labels, data)
