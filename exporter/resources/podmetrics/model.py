"""The wire form of PodMetrics, of which two sums are kept: 40,000 are held, and replaced all day.

Containers are summed while they are read. Browsertrix takes the first alone, which leaves out what
sidecars use; the pod's limit is on all of them. A sum that leaves one out is never given: where one
container's figure is missing, the pod's is unknown.
Source: k8s.io/metrics, ``pkg/apis/metrics/v1beta1/types.go``.
"""

import math
import re
from dataclasses import field
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple

from pydantic import AfterValidator, Field, StringConstraints
from pydantic.dataclasses import dataclass

from exporter.resources.fields import SharedTimestamp, read_measured_quantity
from exporter.resources.metadata import WIRE, CrawlLabels, ObjectName
from exporter.resources.parsing import Problem

MOST_CONTAINERS: Final = 1000
"""Of one pod. A crawler's has one, and etcd takes no pod that lists many thousands."""


class Usage(NamedTuple):
    """What all containers of a pod use together; None where it is unknown of one of them."""

    cpu: float | None
    """Cores."""
    memory: float | None
    """Bytes: the working set."""


UNKNOWN_FIGURES: Final = Usage(None, None)

_AS_WRITTEN: Final = re.compile("([0-9]{1,18})n ([0-9]{1,18})Ki")
"""Both figures as metrics-server writes them: read at half of what it costs one by one."""

_Quantity = (
    Annotated[str, StringConstraints(max_length=64)]
    | Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]
    | None
)


@dataclass(slots=True)
class _Figures:
    """Of one container."""

    cpu: _Quantity = None
    memory: _Quantity = None


@dataclass(slots=True)
class _Container:
    usage: _Figures = field(default_factory=_Figures)


def _summed(containers: list[_Container]) -> Usage:
    if len(containers) == 1:  # the rule, and half the time
        usage = containers[0].usage
        found = _AS_WRITTEN.fullmatch(f"{usage.cpu} {usage.memory}")
        if found is not None:
            nanocores, kibibytes = found.groups()
            return Usage(int(nanocores) / 10**9, float(int(kibibytes) * 1024))
        return Usage(_number(usage.cpu), _number(usage.memory))
    return Usage(
        _sum([_number(container.usage.cpu) for container in containers]),
        _sum([_number(container.usage.memory) for container in containers]),
    )


def _number(quantity: str | float | None) -> float | None:
    return read_measured_quantity(quantity) if isinstance(quantity, str) else quantity


def _sum(figures: list[float | None]) -> float | None:
    known = [figure for figure in figures if figure is not None]
    if not known or len(known) < len(figures):
        return None
    total = sum(known)
    if not math.isfinite(total):
        raise ValueError("expected figures whose sum is finite")
    return total


if TYPE_CHECKING:  # what reading makes of it
    SummedUsage = Usage | None
else:
    SummedUsage = (
        Annotated[
            list[_Container],
            Field(max_length=MOST_CONTAINERS, fail_fast=True),
            AfterValidator(_summed),
        ]
        | None
    )
    """``containers``, summed; None where they could not be read."""


@dataclass(config=WIRE, slots=True, kw_only=True)
class Metadata:
    """Which pod it is. Nothing is stored under these names, so nothing has a uid or a version."""

    name: ObjectName
    namespace: Annotated[str, StringConstraints(max_length=253)] = "default"
    labels: CrawlLabels = field(default_factory=CrawlLabels)

    @property
    def uid(self) -> None:
        """None: the API does not give the pod's."""

    @property
    def resource_version(self) -> None:
        """None: there is none."""


@dataclass(config=WIRE, slots=True, kw_only=True)
class PodMetrics:
    """What one pod used when it was last measured."""

    metadata: Metadata
    timestamp: SharedTimestamp = None
    """When it was measured, in seconds since 1970 by the clock of the pod's node."""
    usage: SummedUsage = Field(default=None, alias="containers")
    problems: tuple[Problem, ...] = Field(default=(), init=False)
    """What could not be read; filled in by ``resources.parsing``, never from the wire."""

    @property
    def cpu(self) -> float | None:
        """Cores that all containers use together; None where that is unknown."""
        return (self.usage or UNKNOWN_FIGURES).cpu

    @property
    def memory(self) -> float | None:
        """Bytes of all containers together; None where that is unknown."""
        return (self.usage or UNKNOWN_FIGURES).memory
