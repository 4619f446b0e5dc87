"""What the image promises: not root, signals reach it, checked downloads, a small context."""

import asyncio
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from aiohttp import web

from exporter import __version__
from exporter.settings.defaults import DEFAULT_PORT
from support.tools import ROOT

pytestmark = pytest.mark.slow("each health check is a process")

Instruction = tuple[str, str]


def stages(text: str) -> list[list[Instruction]]:
    """The instructions of each stage, without comments, with continued lines joined."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    found: list[list[Instruction]] = [[]]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        if line.strip():
            word, _, rest = line.strip().partition(" ")
            if word == "FROM":
                found.append([])
            found[-1].append((word, " ".join(rest.split())))
    return found


ARGUMENTS, BUILD, FINAL = stages((ROOT / "Dockerfile").read_text())


def the(stage: list[Instruction], word: str) -> str:
    [value] = [rest for found, rest in stage if found == word]
    return value


def test_both_stages_stand_on_one_slim_base_that_can_be_chosen() -> None:
    assert ARGUMENTS == [("ARG", "PYTHON_IMAGE=python:3.13-slim")]
    assert the(BUILD, "FROM") == "${PYTHON_IMAGE} AS build"
    assert the(FINAL, "FROM") == "${PYTHON_IMAGE}"


def test_the_user_is_a_number_and_not_root() -> None:
    user, group = the(FINAL, "USER").split(":")

    assert int(user) >= 10000
    assert int(group) >= 10000


def test_a_user_without_a_name_still_has_a_home() -> None:
    assert ("ENV", "HOME=/") in FINAL


def test_the_entrypoint_is_the_exporter_itself_so_that_signals_reach_it() -> None:
    assert json.loads(the(FINAL, "ENTRYPOINT")) == ["browsertrix-exporter"]
    assert "CMD" not in [word for word, _ in FINAL]


def test_the_default_port_is_exposed() -> None:
    assert the(FINAL, "EXPOSE") == str(DEFAULT_PORT)


def test_every_download_is_checked_against_a_hash() -> None:
    installs = re.findall(r"pip (?:--python \S+ )?install ([^&]+)", "\n".join(r for _, r in BUILD))

    assert len(installs) == 3
    assert all("--require-hashes" in i or "--no-deps --no-index" in i for i in installs)
    assert {p for i in installs for p in re.findall(r"--requirement (\S+)", i)} == {
        "requirements/runtime.lock",
        "requirements/build.lock",
    }


def test_the_same_inputs_are_compiled_to_the_same_bytes() -> None:
    commands = [rest for word, rest in BUILD if word == "RUN"]
    into_the_image = re.findall(r"pip --python /opt/exporter\S+ install (\S+)", " ".join(commands))
    assert into_the_image == ["--no-compile", "--no-compile"]
    (compiling,) = [command for command in commands if "compileall" in command]
    assert re.fullmatch(
        r"python -m compileall -q --invalidation-mode unchecked-hash -x '[^']+' /opt/exporter/lib",
        compiling,
    )


def test_nothing_but_the_exporter_and_its_users_folder_comes_into_the_final_stage() -> None:
    assert [rest for word, rest in FINAL if word in {"COPY", "ADD", "RUN"}] == [
        "--from=build /opt/exporter /opt/exporter",
        f"--from=build --chown={the(FINAL, 'USER')} /ledger /var/lib/browsertrix-exporter",
    ]
    assert ("RUN", "mkdir --parents /ledger") in BUILD


def test_the_labels_say_what_it_is() -> None:
    labels = dict(re.findall(r'org\.opencontainers\.image\.(\w+)="([^"]*)"', the(FINAL, "LABEL")))

    assert labels["title"] == "browsertrix-exporter"
    assert labels["version"] == __version__
    assert labels["revision"] == "${REVISION}"
    assert ("ARG", "REVISION=unknown") in FINAL
    assert labels["licenses"] == "Apache-2.0"
    assert labels["description"]


def test_only_what_is_copied_gets_into_the_build() -> None:
    ignore = (ROOT / ".dockerignore").read_text().splitlines()
    allowed = {line[1:] for line in ignore if line.startswith("!")}
    copied = [p for word, rest in BUILD if word == "COPY" for p in rest.split()[:-1]]

    assert "*" in ignore
    assert all(
        any(path == pattern or Path(path).match(pattern) for pattern in allowed) for path in copied
    )


HEALTHCHECK: Final[list[str]] = json.loads(the(FINAL, "HEALTHCHECK").partition("CMD ")[2])


def test_the_healthcheck_needs_no_program_but_python() -> None:
    assert HEALTHCHECK[:2] == ["python", "-c"]
    assert f"'127.0.0.1', {DEFAULT_PORT}," in HEALTHCHECK[2]
    assert "'/livez'" in HEALTHCHECK[2]


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False)])
async def test_the_healthcheck_tells_a_living_exporter_from_a_dead_one(
    status: int, healthy: bool
) -> None:
    async def livez(_: web.Request) -> web.Response:
        return web.Response(status=status)

    application = web.Application()
    application.router.add_get("/livez", livez)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        check = await asyncio.create_subprocess_exec(
            sys.executable, "-c", HEALTHCHECK[2].replace(str(DEFAULT_PORT), str(port))
        )
        assert (await check.wait() == 0) is healthy
    finally:
        await runner.cleanup()


def test_the_healthcheck_fails_where_nobody_listens(unused_tcp_port: int) -> None:
    check = HEALTHCHECK[2].replace(str(DEFAULT_PORT), str(unused_tcp_port))

    result = subprocess.run([sys.executable, "-c", check], check=False, capture_output=True)

    assert result.returncode != 0


def test_what_is_not_compiled_is_not_loaded() -> None:
    (left_out,) = re.findall(r"compileall .* -x '([^']+)'", " ".join(rest for _, rest in BUILD))
    looks = (
        "import re, sys, exporter.app, exporter.commands.checks\n"
        "files = [str(getattr(one, '__file__', '')) for one in list(sys.modules.values())]\n"
        f"print([file for file in files if re.search({left_out!r}, file)])"
    )
    ran = subprocess.run([sys.executable, "-c", looks], check=True, capture_output=True, text=True)
    assert ran.stdout == "[]\n"
