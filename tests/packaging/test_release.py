"""What a release needs: workflows that linters accept, and the checks before a tag."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from exporter import __version__
from support.distribution import LOCKS, pins
from support.tools import ROOT, require_built
from tools.kube_apiserver import BUILT
from tools.release_check import (
    CHECKS,
    PYTHONS,
    NotReadyError,
    Release,
    check_archives,
    check_changelog,
    check_chart,
    check_sbom,
    check_versions,
    run,
)

GITHUB: Final = ROOT / ".github"
WORKFLOWS: Final = sorted((GITHUB / "workflows").glob("*.yml"))
SCHEMAS: Final = {
    "vendor.github-workflows": WORKFLOWS,
    "vendor.github-issue-forms": [
        path for path in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml") if path.stem != "config"
    ],
    "vendor.github-issue-config": [GITHUB / "ISSUE_TEMPLATE" / "config.yml"],
    "vendor.dependabot": [GITHUB / "dependabot.yml"],
}


ON: Final[Any] = True
"""The key ``on``, as YAML 1.1 reads it."""


def workflow(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((GITHUB / "workflows" / name).read_text())
    return loaded


def steps(name: str) -> list[dict[str, Any]]:
    return [step for job in workflow(name)["jobs"].values() for step in job.get("steps", ())]


@pytest.mark.parametrize("schema", SCHEMAS)
def test_what_github_reads_is_as_its_schema_says(schema: str) -> None:
    assert SCHEMAS[schema]
    checked = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *SCHEMAS[schema]],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_workflows_have_nothing_that_is_known_to_be_unsafe() -> None:
    zizmor = Path(sys.executable).with_name("zizmor")
    found = subprocess.run(
        [zizmor, "--offline", "--no-progress", "--format=json", GITHUB],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"]},  # where there is a token, it would go online
    )
    assert json.loads(found.stdout) == [], found.stderr
    assert found.returncode == 0


def test_every_action_is_pinned_by_its_commit() -> None:
    used = [step["uses"] for path in WORKFLOWS for step in steps(path.name) if "uses" in step]
    assert len(used) >= 6
    assert [one for one in used if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", one)] == []


def test_tests_run_as_at_home_on_every_python_that_is_supported() -> None:
    job = workflow("test.yml")["jobs"]["test"]
    assert tuple(job["strategy"]["matrix"]["python"]) == PYTHONS
    assert [step["run"] for step in job["steps"] if "run" in step] == [".ci/run"]
    classifiers = re.findall(r'"Programming Language :: Python :: (3\.\d+)"', _pyproject())
    assert tuple(classifiers) == PYTHONS


def test_a_tag_is_released_after_tests_and_checks_for_both_architectures() -> None:
    release = workflow("release.yml")
    jobs = release["jobs"]
    assert release[ON] == {"push": {"tags": ["v*"]}}
    assert [jobs[one].get("needs") for one in ("build", "image", "publish")] == [
        "test",
        "build",
        "image",
    ]
    platforms = [one["platform"] for one in jobs["image"]["strategy"]["matrix"]["include"]]
    assert platforms == ["linux/amd64", "linux/arm64"]
    commands = " ".join(step.get("run", "") for step in steps("release.yml"))
    for published in (
        'make release-check ARGS="--tag $GITHUB_REF_NAME --image $IMAGE --charts $CHARTS"',
        "--provenance=mode=max --sbom=true",
        "docker buildx imagetools create",
        "helm push",
        "make publish",
        "gh release create",
    ):
        assert published in commands
    assert any("attest-build-provenance" in step.get("uses", "") for step in steps("release.yml"))


def test_no_workflow_has_rights_but_those_that_a_job_names() -> None:
    for path in WORKFLOWS:
        loaded = workflow(path.name)
        assert loaded["permissions"] == {}
        assert all("permissions" in job for job in loaded["jobs"].values())


@pytest.fixture
def release(tmp_path: Path) -> Release:
    """Of a copy of the files that name the version."""
    root = tmp_path / "copy"
    for place in ("exporter/__init__.py", "deploy/chart/Chart.yaml", "Dockerfile", "CHANGELOG.md"):
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        (root / place).write_text((ROOT / place).read_text())
    dist = tmp_path / "dist"
    dist.mkdir()
    return Release(root, dist, None)


def change(release: Release, file: str, before: str, after: str) -> None:
    text = (release.root / file).read_text()
    assert before in text
    (release.root / file).write_text(text.replace(before, after))


def tagged(release: Release, tag: str) -> Release:
    return Release(release.root, release.dist, tag)


def test_one_version_everywhere_is_ready() -> None:
    assert check_versions(Release(ROOT, ROOT, None)) == __version__
    assert check_versions(Release(ROOT, ROOT, f"v{__version__}")) == __version__


@pytest.mark.parametrize(
    ("file", "before"),
    [
        ("deploy/chart/Chart.yaml", f"\nversion: {__version__}"),
        ("deploy/chart/Chart.yaml", f"\nappVersion: {__version__}"),
        ("Dockerfile", f'image.version="{__version__}"'),
        ("exporter/__init__.py", f'__version__ = "{__version__}"'),
    ],
)
def test_a_place_with_another_version_is_named(release: Release, file: str, before: str) -> None:
    change(release, file, before, before.replace(__version__, "9.8.7"))
    with pytest.raises(NotReadyError, match=rf"versions differ.*{re.escape(file)}[^:]*: 9\.8\.7"):
        check_versions(release)


def test_a_tag_of_another_version_is_refused(release: Release) -> None:
    with pytest.raises(NotReadyError, match=r"the tag: 9\.8\.7"):
        check_versions(tagged(release, "v9.8.7"))


def test_a_file_that_names_no_version_is_named(release: Release) -> None:
    (release.root / "Dockerfile").write_text("FROM scratch\n")
    with pytest.raises(NotReadyError, match="Dockerfile names no version"):
        check_versions(release)


def test_what_the_changelog_says_of_the_version_are_the_releases_notes(release: Release) -> None:
    (release.root / "CHANGELOG.md").write_text(
        f"# Changelog\n\n## {__version__} (2026-11-27)\n\n- One.\n- Two.\n\n"
        "## 0.0.1 (2026-01-01)\n\n- Old.\n"
    )
    assert check_changelog(tagged(release, f"v{__version__}")) == "changes: 2"
    assert (release.dist / "release-notes.md").read_text() == "- One.\n- Two.\n"


def test_the_releases_notes_begin_with_how_to_install_it(release: Release) -> None:
    (release.root / "CHANGELOG.md").write_text(f"## {__version__} (2026-11-27)\n\n- One.\n")
    check_changelog(replace(release, charts="registry.example.org/charts"))
    assert (release.dist / "release-notes.md").read_text() == (
        "```sh\nhelm upgrade --install browsertrix-exporter "
        "oci://registry.example.org/charts/browsertrix-exporter \\\n"
        f"  --version {__version__} --namespace crawlers\n```\n\n- One.\n"
    )


def test_the_published_chart_takes_the_published_image(tmp_path: Path) -> None:
    require_built("helm")
    name = check_chart(Release(ROOT, tmp_path, None, image="registry.example.org/exporter"))
    rendered = subprocess.run(
        [BUILT / "helm", "template", tmp_path / name], capture_output=True, text=True, check=True
    ).stdout
    assert f'image: "registry.example.org/exporter:{__version__}"' in rendered.replace("'", '"')


def test_a_changelog_without_the_version_or_its_date_is_not_ready(release: Release) -> None:
    (release.root / "CHANGELOG.md").write_text(f"## {__version__} (unreleased)\n\n- One.\n")
    assert check_changelog(release) == "changes: 1"
    with pytest.raises(NotReadyError, match=r"calls .* 'unreleased': put the date there"):
        check_changelog(tagged(release, f"v{__version__}"))
    (release.root / "CHANGELOG.md").write_text("## 0.0.1 (2026-01-01)\n\n- Old.\n")
    with pytest.raises(NotReadyError, match="has no section"):
        check_changelog(release)


@pytest.mark.slow("archives are built twice")
def test_wheel_and_source_archive_are_the_same_when_they_are_built_again(tmp_path: Path) -> None:
    names = check_archives(Release(ROOT, tmp_path, None))
    assert names == (
        f"browsertrix_exporter-{__version__}-py3-none-any.whl, "
        f"browsertrix_exporter-{__version__}.tar.gz"
    )


def test_the_bill_of_materials_lists_every_locked_package(tmp_path: Path) -> None:
    assert "packages" in check_sbom(Release(ROOT, tmp_path, None))
    (file,) = tmp_path.iterdir()
    bill = json.loads(file.read_text())
    assert bill["bomFormat"] == "CycloneDX"
    assert bill["metadata"]["component"]["name"] == "browsertrix-exporter"
    assert {one["name"]: one["version"] for one in bill["components"]}.items() >= (
        pins(LOCKS / "runtime.lock").items()
    )


def test_every_check_is_made_though_one_fails(
    release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Release) -> str:
        raise NotReadyError("not today")

    monkeypatch.setattr(
        "tools.release_check.CHECKS", dict.fromkeys(CHECKS, lambda _: "fine") | {"wheels": fail}
    )
    outcomes = list(run(release))
    assert outcomes[-1] == ("wheels", "not today", False)
    assert [passed for *_, passed in outcomes[:-1]] == [True] * len(CHECKS)


def _pyproject() -> str:
    return (ROOT / "pyproject.toml").read_text()
