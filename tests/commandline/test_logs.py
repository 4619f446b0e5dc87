"""Log lines: readable by machines, whatever text is in them."""

import json
import logging

import pytest

from exporter.runtime import logs

HOSTILE = 'a"b\nlevel=error msg=forged \x1b[31m\u2028'


def logged(capsys: pytest.CaptureFixture[str], form: str, level: str = "info") -> list[str]:
    logs.set_up(level, form)  # type: ignore[arg-type]  # as the command line passes it
    log = logging.getLogger("exporter.cluster.reflector")
    log.debug("not seen at info")
    log.warning("relisted %s", HOSTILE, extra={"namespace": "crawlers", "text": HOSTILE})
    return capsys.readouterr().err.splitlines()


def test_logfmt_is_one_line_with_quoted_values(capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = logged(capsys, "logfmt")
    assert " level=warn logger=cluster.reflector msg=" in line
    assert " namespace=crawlers " in line
    assert line.endswith("text=" + json.dumps(HOSTILE))
    assert "\x1b" not in line


def test_json_is_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = logged(capsys, "json")
    fields = json.loads(line)
    assert fields["level"] == "warn"
    assert fields["msg"] == f"relisted {HOSTILE}"
    assert fields["namespace"] == "crawlers"
    assert fields["ts"].endswith("+00:00")


def test_the_level_is_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    assert len(logged(capsys, "logfmt", level="debug")) == 2
    assert logged(capsys, "logfmt", level="error") == []


def test_an_exception_stays_on_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up("info", "logfmt")
    try:
        raise RuntimeError(HOSTILE)
    except RuntimeError:
        logging.getLogger("exporter").exception("went wrong")
    (line,) = capsys.readouterr().err.splitlines()
    assert "RuntimeError" in line
