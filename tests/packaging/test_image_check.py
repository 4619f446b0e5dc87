"""Whether the image is the same when it is built again: judged with an engine that is played."""

import json
import sys
from pathlib import Path

import pytest

from tools.image_check import check
from tools.release_check import NotReadyError

_ENGINE = """#!{python}
import json, sys
from pathlib import Path
builds = Path({folder!r}, "builds")
if sys.argv[1] == "build":
    with builds.open("a") as file:
        file.write(json.dumps(sys.argv[1:]) + chr(10))
    if "--fail" in sys.argv:
        sys.exit("no space left on device")
else:
    number = sys.argv[-1][-1]
    print(json.dumps([{{"RootFS": {{"Layers": ["sha256:base", {layer}]}}, "Size": 362_000_000}}]))
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("ENGINE", "podman")
    return tmp_path


def play(folder: Path, layer: str = "'sha256:own'") -> None:
    program = folder / "podman"
    program.write_text(_ENGINE.format(python=sys.executable, folder=str(folder), layer=layer))
    program.chmod(0o755)


def test_an_image_that_comes_out_the_same_is_weighed(folder: Path) -> None:
    play(folder)
    assert check(["--network=host"]) == (
        "2 layers, the same again; 362 MB\nsha256:base\nsha256:own"
    )
    builds = [json.loads(line) for line in (folder / "builds").read_text().splitlines()]
    for number, build in enumerate(builds, 1):
        assert build[:4] == ["build", "--no-cache", "--tag", f"browsertrix-exporter:check-{number}"]
        assert build[4] == "--timestamp"
        assert build[6:] == ["--network=host", "."]


def test_a_layer_that_is_another_is_named(folder: Path) -> None:
    play(folder, layer="'sha256:' + number")
    with pytest.raises(NotReadyError, match=r"built again: 2 \(sha256:1 and sha256:2\)$"):
        check([])


def test_a_build_that_fails_says_why(folder: Path) -> None:
    play(folder)
    why = "podman build --no-cache failed: no space left on device"
    with pytest.raises(NotReadyError, match=why):
        check(["--fail"])


def test_without_an_engine_it_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(NotReadyError, match="no podman is there"):
        check([])
    monkeypatch.delenv("ENGINE")
    with pytest.raises(NotReadyError, match="no docker or podman is there"):
        check([])
