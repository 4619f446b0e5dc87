"""The places of a model's wire form: where a value can be malformed, and how a place is written.

They follow from the model alone, so that a field added there is reported and counted at once.
"""

from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

Path = tuple[str, ...]
"""The keys that lead to a value."""

WILDCARD: Final = "*"
"""Stands in a shape for any key of a map."""


class Paths:
    """All places of one model, a pydantic dataclass whose parser was compiled already."""

    def __init__(self, model: type[Any]) -> None:
        places = dict(_walk(model, ()))
        self.names = tuple(".".join(place) for place in places)
        """All places in the model's order, as ``status.podStatus.*.used``."""
        self.containers = frozenset({(), *(place for place, inner in places.items() if inner)})
        """Shapes of what has fields or keys of its own; everywhere else a path ends, whatever the
        wire has put there."""
        self._maps = frozenset(place[:-1] for place in places if place[-1] == WILDCARD)

    def shape(self, path: Path) -> Path:
        """The path with each key of a map as ``*``."""
        shape: Path = ()
        for step in path:
            shape = (*shape, WILDCARD if shape in self._maps else step)
        return shape


def _walk(model: type[Any], path: Path) -> Iterator[tuple[Path, bool]]:
    """Yield each place below, and whether it is a container."""
    for name, info in vars(model)["__pydantic_fields__"].items():
        if info.init is False:
            continue
        place, inner = (*path, info.alias or name), _bare(info.annotation)
        if get_origin(inner) is dict:
            yield place, True
            place, inner = (*place, WILDCARD), _bare(get_args(inner)[1])
        is_model = hasattr(inner, "__pydantic_fields__")
        yield place, is_model
        if is_model:
            yield from _walk(inner, place)


def _bare(annotation: Any) -> Any:
    """The type without its constraints, and without None where that is the only alternative."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        members = [member for member in get_args(annotation) if member is not NoneType]
        return _bare(members[0]) if len(members) == 1 else annotation
    return annotation
