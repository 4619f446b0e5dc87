"""The file of --config.file: what it may hold, and how it is refused."""

import contextlib
from collections.abc import Callable
from pathlib import Path
from tempfile import NamedTemporaryFile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.commands.documentation import EXAMPLE
from exporter.settings import Address, Settings, SettingsError
from exporter.settings.config_file import given_by_file
from exporter.settings.yaml_nodes import LARGEST
from support.command_line import Complaint, read

Write = Callable[[str | bytes], str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes the file, and returns its path."""

    def write_it(content: str | bytes) -> str:
        path = tmp_path / "config.yaml"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(path)

    return write_it


def test_the_example_of_the_documentation(write: Write) -> None:
    settings = read("--config.file", write(EXAMPLE))
    assert settings.namespaces == ("crawlers", "crawlers-qa")
    assert settings.history_retention == 2 * 86400
    assert settings.listen_addresses == (Address("", 10937),)
    assert len(settings.alertmanager_urls) == 2
    assert settings.log_format == "json"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("pause-limit: 1h30m", Settings(pause_limit=5400.0)),
        ("pause-limit: 90", Settings(pause_limit=90.0)),
        ("pause-limit: '90'", Settings(pause_limit=90.0)),
        ("history: {max-finished: 1000}", Settings(history_max_finished=1000)),
        ("web: {disable-status-page: true}", Settings(disable_status_page=True)),
        ("web: {disable-status-page: no}", Settings()),
        ("web.disable-status-page: true", Settings(disable_status_page=True)),
        ("context: on", Settings(context="on")),
        ("context: 1:30", Settings(context="1:30")),
        ("namespace: a", Settings(namespaces=("a",))),
        ("namespace:\n- a\n- b\n- a", Settings(namespaces=("a", "b"))),
        ("all-namespaces: true", Settings(all_namespaces=True)),
        ('{"context": "of JSON"}', Settings(context="of JSON")),
        ("\ufeffcontext: behind a mark", Settings(context="behind a mark")),
        ("context: &anchor a", Settings(context="a")),
    ],
)
def test_values_are_read_as_on_the_command_line(
    write: Write, content: str, expected: Settings
) -> None:
    assert read("--config.file", write(content)) == expected


@pytest.mark.parametrize(
    "content",
    ["", "# nothing", "---\n", "{}", "web:", "web: {}", "context:", "context: ~", "namespace: []"],
)
def test_what_has_no_value_is_not_given(write: Write, content: str) -> None:
    assert read("--config.file", write(content)) == Settings()


@pytest.mark.parametrize(
    ("content", "line", "says"),
    [
        ("\npause-limit: soon", 2, "pause-limit: expected a duration"),
        ("namespace:\n  - a\n  - B", 3, "namespace: expected the name of a namespace"),
        ("log:\n  level: loud", 2, "one of debug, info, warning or error, got 'loud'"),
        ("history: {max-finished: 1e3}", 1, "history.max-finished: expected a whole number"),
        ("web: {disable-status-page: 2}", 1, "web.disable-status-page: expected true or false"),
        ("web:\n  listen-address: [':1', '::1:2']", 2, "expected an IPv6 address in brackets"),
        ("web: {telemetry-path: /livez}", 1, "web.telemetry-path: expected a path of its own"),
        ("a: 1", 1, "unknown option 'a'"),
        ("web:\n  lisen-address: ':1'", 2, "unknown option 'web.lisen-address'; did you mean"),
        ("web: {listen_address: ':1'}", 1, "did you mean web.listen-address?"),
        ("alertmanger:\n  url: x", 1, "unknown option 'alertmanger'; did you mean alertmanager?"),
        ("config:\n  file: x", 1, "unknown option 'config'"),
        ("context: a\nselector: b\ncontext: c", 3, "context is given twice"),
        ("log: {level: info}\nlog: {format: json}", 2, "log is given twice"),
        ("log: {level: info}\nlog.level: debug", 2, "log.level is given twice"),
        ("web: 5", 1, "web: expected options, each as NAME: VALUE"),
        ("web: [a]", 1, "web: expected options, each as NAME: VALUE"),
        ("- a", 1, "expected options, each as NAME: VALUE"),
        ("just text", 1, "expected options, each as NAME: VALUE"),
        ("? [a]\n: b", 1, "unknown option ''"),
        ("context: [a]", 1, "context: expected one value"),
        ("context: {a: b}", 1, "context: expected one value"),
        ("namespace: {a: b}", 1, "namespace: expected one value, or a list of them"),
        ("namespace:\n- a\n- [b]", 3, "namespace: expected one value, or a list of them"),
        ("context: a\n selector: b", 2, "mapping values are not allowed here"),
        ("context: !env NAME", 1, "context: expected text, without a tag or line breaks"),
        ('kubeconfig: "\\0"', 1, "kubeconfig: expected text, without a tag or line breaks"),
        ("selector: |\n  a\n  b", 1, "selector: expected text, without a tag or line breaks"),
        ("context: [", 1, "expected the node content"),
        ("context: a\n\tselector: b", 2, "found character '\\t'"),
        ("a: &x [1]\nb: *x", 2, "aliases are not supported; a value that begins with *"),
        ("<<: *x", 1, "aliases are not supported"),
        ("context: a\n---\ncontext: b", 2, "but found another document"),
        ("context: a\nselector: \x00", 2, "a character that YAML does not allow"),
        (b"context: a\nselector: \xff", 2, "is no text in UTF-8"),
        ("metrics:\n  include:\n  - browsertrix_*\n  - crwal_*", 4, "expected a pattern"),
        (
            "alertmanager:\n  url: http://a\n  label:\n    - a=b\n    - severity=x",
            5,
            "label severity",
        ),
        ("alertmanager:\n  label: a=b", 2, "--alertmanager.label does nothing without"),
        ("alertmanager:\n  url: http://a\n  cert-file: /c", 3, "are of use only together"),
        ("alertmanager:\n  url: http://a\nhistory:\n  retention: 30m", 4, "must be 4h at least"),
    ],
)
def test_an_error_names_file_and_line(
    complaint: Complaint, write: Write, content: str | bytes, line: int, says: str
) -> None:
    path = write(content)
    said = complaint("--config.file", path)
    assert f"error: {path}:{line}: " in said
    assert says in said


def test_options_from_several_places_that_conflict_are_all_named(
    complaint: Complaint, write: Write
) -> None:
    path = write("\nnamespace: [a]")
    said = complaint("--config.file", path, ALL_NAMESPACES="true")
    assert "BROWSERTRIX_EXPORTER_ALL_NAMESPACES" in said
    assert f"{path}:2: namespace: --all-namespaces and --namespace exclude each other" in said


def test_a_file_that_cannot_be_read_is_named_by_who_names_it(
    complaint: Complaint, tmp_path: Path
) -> None:
    missing = tmp_path / "missing"
    said = complaint("--config.file", str(missing))
    assert f"--config.file: {missing}: No such file or directory" in said
    said = complaint(CONFIG_FILE=str(tmp_path))
    assert f"BROWSERTRIX_EXPORTER_CONFIG_FILE: {tmp_path}: Is a directory" in said


def test_a_file_that_is_too_large_is_not_parsed(complaint: Complaint, write: Write) -> None:
    fits = "#" * LARGEST
    assert read("--config.file", write(fits)) == Settings()
    assert "is larger than 1024 KiB" in complaint("--config.file", write(fits + "#"))


def test_a_file_that_is_nested_without_end_is_refused(complaint: Complaint, write: Write) -> None:
    assert "is nested too deeply" in complaint("--config.file", write("[" * 100_000))


@pytest.mark.parametrize("content", ['context: "\\UFFFFFFFF"', f"%YAML 1.{'9' * 5000}\n---\n"])
def test_numbers_that_yaml_stumbles_over_are_refused(
    complaint: Complaint, write: Write, content: str
) -> None:
    assert "is no valid YAML" in complaint("--config.file", write(content))


@given(st.binary() | st.text(alphabet=":[]{}*&!?|-'\"#%\n web.log", max_size=40).map(str.encode))
def test_any_content_is_read_or_refused(content: bytes) -> None:
    with NamedTemporaryFile() as file:
        Path(file.name).write_bytes(content)
        with contextlib.suppress(SettingsError):
            given_by_file(Path(file.name))


def test_no_value_of_a_secret_is_repeated(complaint: Complaint, write: Write) -> None:
    said = complaint("--config.file", write("alertmanager: {password: hunter2}"))
    assert "alertmanager.password'; did you mean alertmanager.password-file?" in said
    assert "hunter2" not in said
    said = complaint("--config.file", write("alertmanager: {url: 'http://me:hunter2@a'}"))
    assert "--alertmanager.password-file" in said
    assert "hunter2" not in said


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("source: {usage: false}", {"source_usage": "false"}),
        ("source: {usage.interval: 1m}", {"source_usage_interval": "1m"}),
        ("source:\n  usage:\n    interval: 1m", {"source_usage_interval": "1m"}),
        (
            "source:\n  usage: false\n  usage.interval: 1m",
            {"source_usage": "false", "source_usage_interval": "1m"},
        ),
        ("source.usage: false", {"source_usage": "false"}),
    ],
)
def test_an_option_may_have_the_name_of_a_section(
    tmp_path: Path, text: str, expected: dict[str, str]
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(text)
    found = given_by_file(file)
    assert {name: given.texts[0] for name, given in found.items()} == expected
