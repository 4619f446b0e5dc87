"""The families that prometheus_client serves of any Python process.

Its collectors fill them; they are declared to be documented and selected like all others.
"""

from typing import Final

from exporter.metrics.catalog.family import Family, Group, Kind


def _process(name: str, text: str, kind: Kind = Kind.GAUGE) -> Family:
    return Family(name=name, help=text, kind=kind, source="/proc", group=Group.EXPORTER)


def _garbage(name: str, text: str) -> Family:
    return Family(
        name=f"python_gc_{name}_total",
        help=text,
        kind=Kind.COUNTER,
        labels=("generation",),
        source="Python's garbage collector",
        group=Group.EXPORTER,
    )


PROCESS_FAMILIES: Final = (
    _process("process_virtual_memory_bytes", "Virtual memory size in bytes."),
    _process("process_resident_memory_bytes", "Resident memory size in bytes."),
    _process(
        "process_start_time_seconds", "Start time of the process since unix epoch in seconds."
    ),
    _process(
        "process_cpu_seconds_total",
        "Total user and system CPU time spent in seconds.",
        Kind.COUNTER,
    ),
    _process("process_open_fds", "Number of open file descriptors."),
    _process("process_max_fds", "Maximum number of open file descriptors."),
    Family(
        name="python_info",
        help="Python platform information",
        labels=("implementation", "major", "minor", "patchlevel", "version"),
        source="the Python it runs on",
        group=Group.EXPORTER,
    ),
    _garbage("objects_collected", "Objects collected during gc"),
    _garbage("objects_uncollectable", "Uncollectable objects found during GC"),
    _garbage("collections", "Number of times this generation was collected"),
)
