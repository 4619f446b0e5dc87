"""A web configuration that cannot be used ends the start: one line, exit status 2."""

import subprocess
import sys
from pathlib import Path

import pytest

from support.waiting import PROCESS_TIMEOUT

pytestmark = pytest.mark.slow("starts processes")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            "tls_server_config:\n  cert_filse: server.crt\n",
            "web.yml:2: tls_server_config: unknown key 'cert_filse'; did you mean cert_file?",
        ),
        (
            "tls_server_config: {cert_file: a.crt, key_file: a.key}\n",
            "a.crt: No such file or directory",
        ),
        ("basic_auth_users: {alice: opensesame}\n", "web.yml:1: basic_auth_users: expected a hash"),
        (None, "web.yml: No such file or directory"),
    ],
)
def test_it_is_one_readable_line(tmp_path: Path, content: str | None, expected: str) -> None:
    file = tmp_path / "web.yml"
    if content is not None:
        file.write_text(content)
    ended = subprocess.run(
        [sys.executable, "-m", "exporter", f"--web.config.file={file}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=PROCESS_TIMEOUT,
    )
    assert ended.returncode == 2
    (line,) = [line for line in ended.stderr.splitlines() if "error:" in line]
    assert expected in line
    assert "opensesame" not in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_demo_has_none(tmp_path: Path) -> None:
    (tmp_path / "web.yml").touch()
    ended = subprocess.run(
        [sys.executable, "-m", "exporter", "demo", f"--web.config.file={tmp_path / 'web.yml'}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=PROCESS_TIMEOUT,
    )
    assert ended.returncode == 2
    assert "leave out --web.config.file" in ended.stderr


def test_open_probes_need_something_that_closes_them() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "exporter", "--web.open-probes"],
        capture_output=True,
        text=True,
        check=False,
        timeout=PROCESS_TIMEOUT,
    )
    assert ended.returncode == 2
    assert "--web.open-probes does nothing without --web.config.file" in ended.stderr
