"""What Kubernetes says in prose of a pod, classed: why no node was found, and what ran out.

The messages name nodes, taints and byte counts, so they change with every try; a class is what can
be a label's value. They are for people and not fixed by the API: what is not recognised is
``other``. Sources: kube-scheduler's plugins (``ErrReason…``), kubelet's ``pkg/kubelet/eviction``.
"""

import re
from functools import lru_cache
from typing import Final

UNSCHEDULABLE_REASONS: Final = ("memory", "cpu", "storage", "volume", "affinity", "taint", "other")
"""Where as many nodes have one reason as another, the first of these is the pod's."""
EXHAUSTED_RESOURCES: Final = ("memory", "storage", "inodes", "pids", "other")

_PREEMPTION: Final = re.compile(r"\bpreemption:", re.IGNORECASE)
_AVAILABLE: Final = re.compile(r"nodes are available:")
_NODES: Final = re.compile(r"(?:^|,)\s*(\d+) ([^,]+)")
_CLASSES: Final = (
    ("taint", re.compile(r"\btaint")),  # which names what its key and its value are
    ("volume", re.compile(r"volume|pvc|persistent", re.IGNORECASE)),
    ("memory", re.compile(r"Insufficient (memory|hugepages)")),
    ("cpu", re.compile(r"Insufficient cpu")),
    ("storage", re.compile(r"storage", re.IGNORECASE)),
    ("affinity", re.compile(r"affinity|selector|topology spread", re.IGNORECASE)),
)
_EXHAUSTED: Final = (
    ("storage", re.compile(r"storage|DiskPressure|EmptyDir|nodefs|imagefs", re.IGNORECASE)),
    ("inodes", re.compile(r"inodes", re.IGNORECASE)),
    ("pids", re.compile(r"\bpids?\b|PIDPressure", re.IGNORECASE)),
    ("memory", re.compile(r"memory", re.IGNORECASE)),
)
_RESOURCE: Final = re.compile(r"low on resource: ([\w./-]+)|had condition: \[?([^\].]+)")


@lru_cache(maxsize=1024)
def unschedulable_reason(message: str) -> str:
    """Class the scheduler's message by the reason that most nodes have.

    ``0/3 nodes are available: 1 node(s) had untolerated taint {…}, 2 Insufficient memory.`` is
    ``memory``. What preemption would do does not count.
    """
    text = _AVAILABLE.split(_PREEMPTION.split(message, maxsplit=1)[0], maxsplit=1)[-1]
    votes = dict.fromkeys(UNSCHEDULABLE_REASONS, 0)
    for count, reason in _NODES.findall(text):
        votes[_class_of(reason)] += int(count[:9])
    if any(votes.values()):
        return max(votes, key=votes.__getitem__)
    return _class_of(text)


def _class_of(reason: str) -> str:
    return next((name for name, pattern in _CLASSES if pattern.search(reason)), "other")


@lru_cache(maxsize=1024)
def exhausted_resource(message: str) -> str:
    """Class the kubelet's message of an eviction by what the node, or the pod, ran out of."""
    named = _RESOURCE.search(message)
    text = message if named is None else named[1] or named[2]
    return next((name for name, pattern in _EXHAUSTED if pattern.search(text)), "other")
