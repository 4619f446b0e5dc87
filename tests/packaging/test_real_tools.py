"""``make real-tools``: what it does, tried with a Go that only pretends, and what it has built.

Long by the Go that pretends, which is a script in here.
"""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from support.tools import ROOT, require_built
from support.waiting import PROCESS_TIMEOUT

MODULES: Final = sorted(path.parent for path in (ROOT / "tools").glob("*/go.mod"))
PROGRAMS: Final = (
    "etcd",
    "kube-apiserver",
    "kubectl",
    "alertmanager",
    "amtool",
    "prometheus",
    "promtool",
    "helm",
    "kustomize",
    "kubeconform",
    "kube-state-metrics",
)
NO_GO: Final = 3

# Builds a program that says its package's name; fails for the package that $BROKEN names.
FAKE_GO: Final = """#!/usr/bin/env bash
set -eu
case $1 in
  version) echo "go version ${FAKE_VERSION:-go1.0} linux/amd64" ;;
  mod) ;;
  list) if [ "$4" = '{{.Dir}}' ]; then echo "$SOURCE"; else echo v1.2.3; fi ;;
  build)
    package=${!#}
    echo "$package" >>"$BUILDS"
    echo "$@" >>"$BUILDS.arguments"
    if [ "$package" = "${BROKEN:-}" ]; then
      echo "go: downloading example.test/noise v1.0.0" >&2
      echo "undefined: reason" >&2
      exit 1
    fi
    while [ "$1" != -o ]; do shift; done
    printf '#!/bin/sh\\necho %s\\n' "$package" >"$2"
    chmod +x "$2"
    ;;
  *) echo "no go $1 was expected" >&2; exit 2 ;;
esac
"""


@dataclass
class Checkout:
    """A checkout with nothing in it but ``tools``, and a ``go`` that only pretends."""

    root: Path
    environment: dict[str, str]

    def build(
        self, *programs: str, broken: str = "", version: str = "go1.0"
    ) -> subprocess.CompletedProcess[str]:
        self.builds.unlink(missing_ok=True)
        return subprocess.run(
            [self.root / "tools" / "build", *programs],
            env={**self.environment, "BROKEN": broken, "FAKE_VERSION": version},
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def builds(self) -> Path:
        return self.root / "builds"

    def built(self) -> list[str]:
        """The packages that ``go build`` was last called for."""
        return self.builds.read_text().splitlines() if self.builds.exists() else []

    def program(self, name: str) -> Path:
        return self.root / ".tools" / "real" / "bin" / name


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    root = tmp_path / "checkout"
    shutil.copytree(ROOT / "tools", root / "tools")
    path = tmp_path / "path"
    path.mkdir()
    go = path / "go"
    go.write_text(FAKE_GO)
    go.chmod(0o755)
    source = tmp_path / "source"
    source.mkdir()
    (source / "VERSION").write_text("9.8.7\n")
    environment = {
        "PATH": f"{path}:{os.environ['PATH']}",
        "BUILDS": str(root / "builds"),
        "SOURCE": str(source),
    }
    return Checkout(root, environment)


def test_without_go_it_says_so_and_has_a_status_of_its_own(tmp_path: Path) -> None:
    for needed in ("bash", "dirname"):
        found = shutil.which(needed)
        assert found
        (tmp_path / needed).symlink_to(found)

    run = subprocess.run(
        [tmp_path / "bash", ROOT / "tools" / "build"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == NO_GO
    assert "no go on PATH" in run.stderr
    assert "skipped" in run.stderr


def test_every_program_is_built(checkout: Checkout) -> None:
    run = checkout.build()

    assert run.returncode == 0, run.stderr
    assert {file.name for file in checkout.program("").iterdir()} == set(PROGRAMS)
    assert all(os.access(checkout.program(name), os.X_OK) for name in PROGRAMS)
    assert re.search(r"built promtool: \d+ s, \d+ MB", run.stdout)


def test_a_second_call_builds_nothing_and_says_nothing(checkout: Checkout) -> None:
    checkout.build()

    run = checkout.build()

    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
    assert checkout.built() == []


def test_a_build_that_fails_is_named_with_its_reason_and_the_others_are_built(
    checkout: Checkout,
) -> None:
    run = checkout.build(broken="sigs.k8s.io/kustomize/kustomize/v5")

    assert run.returncode == 1
    assert "kustomize could not be built:\n    undefined: reason\n" in run.stderr
    assert "not built: kustomize\n" in run.stderr
    assert "noise" not in run.stderr
    assert not checkout.program("kustomize").exists()
    assert all(checkout.program(name).exists() for name in PROGRAMS if name != "kustomize")


def test_what_failed_is_tried_again_alone(checkout: Checkout) -> None:
    package = "sigs.k8s.io/kustomize/kustomize/v5"
    checkout.build(broken=package)

    run = checkout.build()

    assert run.returncode == 0
    assert checkout.built() == [package]


def test_a_changed_pin_rebuilds_what_it_pins_and_nothing_else(checkout: Checkout) -> None:
    checkout.build()
    with (checkout.root / "tools" / "etcd" / "go.sum").open("a") as sums:
        sums.write("example.test/raised v1.0.1 h1:0000\n")

    checkout.build()

    assert checkout.built() == ["go.etcd.io/etcd/server/v3"]


def test_a_program_of_other_pins_is_not_left_when_its_build_fails(checkout: Checkout) -> None:
    checkout.build()

    run = checkout.build("etcd", version="go1.1", broken="go.etcd.io/etcd/server/v3")

    assert run.returncode == 1
    assert not checkout.program("etcd").exists()


def test_another_toolchain_rebuilds_all(checkout: Checkout) -> None:
    checkout.build()

    checkout.build(version="go1.1")

    assert len(checkout.built()) == len(PROGRAMS)


def test_what_was_removed_is_built_again(checkout: Checkout) -> None:
    checkout.build()
    checkout.program("helm").unlink()

    checkout.build()

    assert checkout.built() == ["helm.sh/helm/v4/cmd/helm"]


def test_programs_can_be_named(checkout: Checkout) -> None:
    assert checkout.build("amtool", "promtool").returncode == 0

    assert {file.name for file in checkout.program("").iterdir()} == {"amtool", "promtool"}


def test_a_name_that_no_program_has_is_an_error(checkout: Checkout) -> None:
    run = checkout.build("promtol")

    assert run.returncode == 1
    assert "no program of that name: promtol" in run.stderr
    assert "promtool" in run.stderr
    assert checkout.built() == []


def test_the_callers_settings_do_not_loosen_the_pins(checkout: Checkout) -> None:
    go = Path(checkout.environment["PATH"].split(":")[0]) / "go"
    go.write_text('#!/bin/sh\necho "$GOFLAGS $GOWORK $CGO_ENABLED" >>"$BUILDS"\n')
    checkout.environment |= {"GOFLAGS": "-mod=mod", "GOWORK": "/elsewhere", "CGO_ENABLED": "1"}

    checkout.build("kustomize")

    assert set(checkout.built()) == {"-mod=readonly off 0"}


def test_versions_are_linked_in(checkout: Checkout) -> None:
    checkout.build("kube-apiserver", "prometheus", "helm")

    arguments = Path(f"{checkout.builds}.arguments").read_text()
    assert "component-base/version.gitVersion=v1.2.3" in arguments
    assert "component-base/version.gitMinor=2" in arguments
    assert "prometheus/common/version.Version=9.8.7" in arguments
    assert "internal/version.version=v1.2.3" in arguments


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_each_module_is_pinned_and_checksummed(module: Path) -> None:
    pins = (module / "go.mod").read_text()

    assert re.search(r"^(require )?\s*\S+ v\d+\.\d+\.\d+", pins, re.MULTILINE)
    assert "=> ." not in pins, "a replacement must be a published version, not a folder"
    assert "=> /" not in pins
    assert (module / "go.sum").stat().st_size > 0


@pytest.mark.parametrize(
    "file",
    [
        path
        for path in sorted((ROOT / "tools").rglob("*"))
        if path.is_file() and path.suffix not in {".py", ".pyc"}
    ],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_nothing_in_tools_names_an_address(file: Path) -> None:
    assert not re.search(r"(https?|git|ssh)://", file.read_text(encoding="utf-8"))


def pinned(folder: str, module: str) -> str:
    pins = (ROOT / "tools" / folder / "go.mod").read_text()
    found = re.search(rf"^\s*(?:require )?{re.escape(module)} v(\S+)", pins, re.MULTILINE)
    assert found
    return found[1]


def said_by(name: str, *arguments: str) -> str:
    run = subprocess.run(
        [require_built(name), *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
        timeout=PROCESS_TIMEOUT,
    )
    return run.stdout + run.stderr


@pytest.mark.parametrize(
    ("name", "folder", "module", "arguments"),
    [
        ("etcd", "etcd", "go.etcd.io/etcd/server/v3", ["--version"]),
        ("kube-apiserver", "kubernetes", "k8s.io/kubernetes", ["--version"]),
        ("kubectl", "kubernetes", "k8s.io/kubernetes", ["version", "--client"]),
        ("alertmanager", "alertmanager", "github.com/prometheus/alertmanager", ["--version"]),
        ("amtool", "alertmanager", "github.com/prometheus/alertmanager", ["--version"]),
        ("prometheus", "prometheus", "github.com/prometheus/prometheus", ["--version"]),
        ("promtool", "prometheus", "github.com/prometheus/prometheus", ["--version"]),
        ("helm", "helm", "helm.sh/helm/v4", ["version"]),
        ("kustomize", "kustomize", "sigs.k8s.io/kustomize/kustomize/v5", ["version"]),
        ("kubeconform", "kubeconform", "github.com/yannh/kubeconform", ["-v"]),
        (
            "kube-state-metrics",
            "kube-state-metrics",
            "k8s.io/kube-state-metrics/v2",
            ["version"],
        ),
    ],
    ids=PROGRAMS,
)
def test_each_tells_the_version_that_is_pinned(
    name: str, folder: str, module: str, arguments: list[str]
) -> None:
    version = pinned(folder, module)
    if folder == "prometheus":  # 3.16.0 is published as v0.316.0, for Go's sake
        _, minor, patch = version.split(".")
        version = f"{int(minor) // 100}.{int(minor) % 100}.{patch}"

    assert version in said_by(name, *arguments)
