"""``make image-check``: the image, built twice, is the same; and what it weighs.

With docker or podman. Nothing is taken from a cache, and times are rewritten, as a release does, so
that the same inputs must give the same layers. What is given beside is handed to the engine's
``build``: a mirror of the package index, another base.
"""

import json
import os
import shutil
import sys
from collections.abc import Sequence
from typing import Any, Final

from tools.release_check import ROOT, NotReadyError, commit_time, output

ENGINES: Final = ("docker", "podman")
_TAG: Final = "browsertrix-exporter:check"
_MB: Final = 1_000_000


def engine() -> str:
    """The engine to build with: ``$ENGINE``, or the one that is there; raises NotReadyError."""
    wanted = os.environ.get("ENGINE")
    found = [name for name in ([wanted] if wanted else ENGINES) if shutil.which(name)]
    if not found:
        raise NotReadyError(f"no {wanted or ' or '.join(ENGINES)} is there to build the image with")
    return found[0]


def build(program: str, tag: str, more: Sequence[str]) -> list[str]:
    """Build this checkout; returns the digests of all layers, the base's first."""
    when = commit_time(ROOT)
    arguments = [program, "build", "--no-cache", "--tag", tag]
    if program == "podman":
        arguments += ["--timestamp", when]
    else:
        arguments += ["--build-arg", f"SOURCE_DATE_EPOCH={when}"]
        arguments += ["--output", "type=docker,rewrite-timestamp=true"]
    wrong = f"{program} build --no-cache failed"
    output([*arguments, *more, "."], cwd=ROOT, wrong=wrong)
    layers: list[str] = _inspect(program, tag)["RootFS"]["Layers"]
    return layers


def _inspect(program: str, tag: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(output([program, "image", "inspect", tag], cwd=ROOT))[0]
    return found


def check(more: Sequence[str]) -> str:
    """Build twice and compare; returns what to print. Raises NotReadyError."""
    program = engine()
    first, second = (build(program, f"{_TAG}-{number}", more) for number in (1, 2))
    if first != second:
        changed = [
            f"{number} ({one} and {other})"
            for number, (one, other) in enumerate(zip(first, second, strict=False), 1)
            if one != other
        ]
        raise NotReadyError(f"layers are others when they are built again: {', '.join(changed)}")
    size = _inspect(program, f"{_TAG}-1")["Size"] / _MB
    return "\n".join([f"{len(first)} layers, the same again; {size:.0f} MB", *first])


def main() -> int:
    """Print the outcome; the exit status is 1 where the image is another, or cannot be built."""
    try:
        print(check(sys.argv[1:]))
    except NotReadyError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
