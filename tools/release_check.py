"""``make release-check``: all of a release that can be done without publishing.

Whether all places name one version, and the change log tells of it; whether wheel and source
archive are the same when they are built again; whether every dependency has a wheel for every
Python and both architectures of the image. ``dist/`` then has what a tag publishes: wheel, source
archive, chart, SBOM, and the release's notes.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
PYTHONS: Final = ("3.11", "3.12", "3.13", "3.14")
PLATFORMS: Final = ("x86_64-manylinux_2_28", "aarch64-manylinux_2_28")
_PLACES: Final = {
    "exporter/__init__.py": r'^__version__[^"]*"([^"]+)"',
    "deploy/chart/Chart.yaml": r"^version: (\S+)$",
    "deploy/chart/Chart.yaml, appVersion": r"^appVersion: (\S+)$",
    "Dockerfile": r'org\.opencontainers\.image\.version="([^"]+)"',
}
"""A file, and what stands before and behind the version in it; a comma ends the file's name."""


class NotReadyError(Exception):
    """Says in a line what is wrong and what to do."""


@dataclass(frozen=True, slots=True)
class Release:
    """What is looked at."""

    root: Path
    dist: Path
    tag: str | None
    """As of git, v1.2.3; None before there is one."""
    image: str | None = None
    """Where the image is published, a registry's host and a path; the chart then takes it there."""
    charts: str | None = None
    """Where charts are."""

    @property
    def version(self) -> str:
        """The version of the package."""
        return versions(self.root)["exporter/__init__.py"]


def versions(root: Path) -> dict[str, str]:
    """Return the version by each place that names one; raises NotReadyError where none does."""
    found = {}
    for place, pattern in _PLACES.items():
        text = (root / place.partition(",")[0]).read_text(encoding="utf-8")
        match = re.search(pattern, text, re.MULTILINE)
        if match is None:
            raise NotReadyError(f"{place} names no version")
        found[place] = match[1]
    return found


def check_versions(release: Release) -> str:
    """All places name one version, and the tag if there is one."""
    found = versions(release.root)
    if release.tag is not None:
        found["the tag"] = release.tag.removeprefix("v")
    if len(set(found.values())) > 1:
        places = ", ".join(f"{place}: {version}" for place, version in found.items())
        raise NotReadyError(f"versions differ ({places}): make them one")
    return release.version


def check_changelog(release: Release) -> str:
    """The change log has a section of this version: dated, where there is a tag."""
    text = (release.root / "CHANGELOG.md").read_text(encoding="utf-8")
    match = re.search(
        rf"^## {re.escape(release.version)} \(([^)\n]+)\)\n(.*?)(?=^## |\Z)",
        text,
        re.MULTILINE | re.DOTALL,
    )
    if match is None:
        raise NotReadyError(f"CHANGELOG.md has no section '## {release.version} (date)': add one")
    date, notes = match.groups()
    if release.tag is not None and not re.fullmatch(r"\d{4}-\d\d-\d\d", date):
        raise NotReadyError(f"CHANGELOG.md calls {release.version} '{date}': put the date there")
    install = ""
    if release.charts is not None:
        install = (
            f"```sh\nhelm upgrade --install browsertrix-exporter "
            f"oci://{release.charts}/browsertrix-exporter \\\n"
            f"  --version {release.version} --namespace crawlers\n```\n\n"
        )
    text = f"{install}{notes.strip()}\n"
    (release.dist / "release-notes.md").write_text(text, encoding="utf-8")
    return f"changes: {len(re.findall('^- ', notes, re.MULTILINE))}"


def check_archives(release: Release) -> str:
    """Wheel and source archive come out the same, byte for byte, when they are built again."""
    when = commit_time(release.root)
    with tempfile.TemporaryDirectory() as other:
        for folder in (release.dist, Path(other)):
            output(
                [sys.executable, "-m", "hatchling", "build", "--directory", str(folder)],
                cwd=release.root,
                env={"SOURCE_DATE_EPOCH": when},
            )
        names = [path.name for path in Path(other).iterdir()]
        for name in names:
            if (release.dist / name).read_bytes() != (Path(other) / name).read_bytes():
                raise NotReadyError(f"{name} is another when it is built again")
    return ", ".join(sorted(names))


def check_wheels(release: Release) -> str:
    """Every dependency, as locked, has a wheel for each Python and each platform."""
    with tempfile.TemporaryDirectory() as folder:
        for python in PYTHONS:
            for platform in PLATFORMS:
                output(
                    [
                        *(sys.executable, "-m", "uv", "pip", "compile", "--quiet"),
                        *("--only-binary", ":all:", "--python-platform", platform),
                        *("--python-version", python, "--constraint", "requirements/runtime.lock"),
                        *("pyproject.toml", "--output-file", str(Path(folder) / "resolved.txt")),
                    ],
                    cwd=release.root,
                    wrong=f"not every dependency has a wheel for Python {python} on {platform}",
                )
    return f"Python {PYTHONS[0]} to {PYTHONS[-1]}, {', '.join(PLATFORMS)}"


def check_sbom(release: Release) -> str:
    """What is installed beside the exporter, as CycloneDX."""
    target = release.dist / f"browsertrix-exporter-{release.version}.cdx.json"
    output(
        [
            *(sys.executable, "-m", "cyclonedx_py", "requirements", "requirements/runtime.lock"),
            *("--pyproject", "pyproject.toml", "--output-reproducible", "--short-PURLs"),
            *("--output-file", str(target)),
        ],
        cwd=release.root,
    )
    pins = re.findall(
        r"^[\w.-]+==", (release.root / "requirements/runtime.lock").read_text(), re.MULTILINE
    )
    listed = target.read_text(encoding="utf-8").count('"purl"')
    if listed < len(pins):
        raise NotReadyError(f"the SBOM lists {listed} of {len(pins)} packages")
    return f"{target.name}, {listed} packages"


def check_chart(release: Release) -> str:
    """The chart, packaged; it takes the image from where that is published."""
    helm = shutil.which("helm", path=f"{release.root / '.tools/real/bin'}:{os.environ['PATH']}")
    if helm is None:
        raise NotReadyError("no helm is there to package the chart: install it, or make real-tools")
    with tempfile.TemporaryDirectory() as folder:
        chart = Path(folder) / "chart"
        shutil.copytree(release.root / "deploy" / "chart", chart)
        if release.image is not None:
            values = (chart / "values.yaml").read_text(encoding="utf-8")
            values, found = re.subn(
                r"(?m)^(image:\n(?:  #.*\n)*  repository: ).*$", rf"\g<1>{release.image}", values
            )
            if not found:
                raise NotReadyError("deploy/chart/values.yaml has no image.repository")
            (chart / "values.yaml").write_text(values, encoding="utf-8")
        output([helm, "package", str(chart), "--destination", str(release.dist)], cwd=release.root)
    return f"browsertrix-exporter-{release.version}.tgz"


CHECKS: Final[Mapping[str, Callable[[Release], str]]] = {
    "version": check_versions,
    "changelog": check_changelog,
    "archives": check_archives,
    "wheels of dependencies": check_wheels,
    "SBOM": check_sbom,
    "chart": check_chart,
}


def run(release: Release) -> Iterator[tuple[str, str, bool]]:
    """Check everything: what, its outcome in words, and whether it is ready."""
    for name, check in CHECKS.items():
        try:
            yield name, check(release), True
        except NotReadyError as error:
            yield name, str(error), False


def commit_time(root: Path) -> str:
    """When the checkout was committed, in seconds since 1970: what times are rewritten to."""
    return output(["git", "log", "-1", "--format=%ct"], cwd=root).strip()


def output(
    command: list[str], *, cwd: Path, env: Mapping[str, str] | None = None, wrong: str | None = None
) -> str:
    """Run a command that has to succeed, and return what it printed; raises NotReadyError."""
    ran = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        last = (ran.stderr.strip() or ran.stdout.strip() or "no output").splitlines()[-1]
        raise NotReadyError(f"{wrong or ' '.join(command[:4]) + ' failed'}: {last}")
    return ran.stdout


def main() -> int:
    """Print what is ready and what is not; the exit status is 1 if anything is not."""
    parser = argparse.ArgumentParser(prog="python -m tools.release_check", description=__doc__)
    parser.add_argument("--tag", help="the tag that is to be released, such as v1.2.3")
    parser.add_argument("--image", help="where the image is published: a host and a path")
    parser.add_argument("--charts", help="where charts are published")
    given = parser.parse_args()
    dist = ROOT / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    dist.mkdir()
    ready = True
    for name, outcome, passed in run(Release(ROOT, dist, given.tag, given.image, given.charts)):
        print(f"{'ok' if passed else 'NOT READY':9}  {name}: {outcome}", flush=True)
        ready &= passed
    return 0 if ready else 1


if __name__ == "__main__":
    sys.exit(main())
