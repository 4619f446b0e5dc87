"""Each kind of field: what it tolerates, and what costs it its value with which reason."""

from typing import Any

import pytest

from exporter.resources.crawljob import parse_json
from support.factories import UPDATED_EPOCH, crawljob, to_wire


def read_status(key: str, value: Any) -> tuple[Any, list[str]]:
    job = parse_json(to_wire(crawljob(status={key: value})))
    assert all(p.field == p.kind == f"status.{key}" for p in job.problems)
    attribute = "".join(f"_{c.lower()}" if c.isupper() else c for c in key)
    return getattr(job.status, attribute), [problem.reason for problem in job.problems]


def read_quantity(value: Any) -> tuple[float | None, list[str]]:
    job = parse_json(to_wire(crawljob(pods={"crawl-x-0": {"used": {"memory": value}}})))
    assert all(p.field == "status.podStatus.crawl-x-0.used.memory" for p in job.problems)
    reasons = [problem.reason for problem in job.problems]
    return job.status.pod_status["crawl-x-0"].used.memory, reasons


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2025-05-21T12:00:00Z", UPDATED_EPOCH),
        ("2025-05-21T12:00:00.5Z", UPDATED_EPOCH + 0.5),
        ("2025-05-21T12:00:00.123456789Z", UPDATED_EPOCH + 0.123456),
        ("2025-05-21T14:00:00+02:00", UPDATED_EPOCH),
        ("2025-05-21T07:30:00.000000-04:30", UPDATED_EPOCH),
        ("2025-05-21T12:00:00", UPDATED_EPOCH),
        ("2025-05-21T12:00:00.25", UPDATED_EPOCH + 0.25),
        ("2025-05-21 12:00:00", UPDATED_EPOCH),
        ("1970-01-01T00:00:00Z", 0),
        ("", None),
        (None, None),
    ],
)
def test_timestamps_are_read_as_seconds(text: str | None, seconds: float | None) -> None:
    value, reasons = read_status("finished", text)

    assert value == (seconds if seconds is None else pytest.approx(seconds, abs=1e-6))
    assert reasons == []


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("soon", "expected a valid datetime, input is too short, got a text of 4 characters"),
        ("1969-12-31T23:59:59Z", "expected a moment after 1970, got a text of 20 characters"),
        ("0001-01-01T00:00:00Z", "expected a moment after 1970, got a text of 20 characters"),
        ("2025-13-01T00:00:00Z", "month value is outside expected range"),
        (1747828800, "expected a valid datetime, got a number"),
        (1e300, "expected a valid datetime, got a number"),
        (True, "expected a valid datetime, got a boolean"),
        ([], "expected a valid datetime, got a list"),
        ({}, "expected a valid datetime, got an object"),
        (" ", "got a text of 1 characters"),
    ],
)
def test_what_is_no_timestamp_is_a_problem(value: Any, reason: str) -> None:
    timestamp, [found] = read_status("finished", value)

    assert timestamp is None
    assert reason in found


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, 0),
        (1073741824, 1073741824),
        (0.25, 0.25),
        ("0", 0),
        ("1073741824", 1073741824),
        ("512Mi", 512 * 1024**2),
        ("1.5Gi", 1.5 * 1024**3),
        ("13G", 13e9),
        ("250m", 0.25),
        ("1e3", 1000),
        (None, None),
    ],
)
def test_quantities_are_numbers_or_kubernetes_texts(value: Any, expected: float | None) -> None:
    assert read_quantity(value) == (expected, [])


FORM = "expected a quantity such as 512Mi or 250m"
RANGE = "expected a finite quantity of at least 0"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("", f"{FORM}, got a text of 0 characters"),
        ("much", f"{FORM}, got a text of 4 characters"),
        ("12Zi", f"{FORM}, got a text of 4 characters"),
        ("1_000", f"{FORM}, got a text of 5 characters"),
        ("Gi", f"{FORM}, got a text of 2 characters"),
        ("1e99999999999999999999", f"{FORM}, got a text of 22 characters"),
        ("NaN", f"{RANGE}, got a text of 3 characters"),
        ("Infinity", f"{RANGE}, got a text of 8 characters"),
        ("-1Gi", f"{RANGE}, got a text of 4 characters"),
        ("1e400", f"{RANGE}, got a text of 5 characters"),
        ("9" * 65, "expected a valid number, got a text of 65 characters"),
        (-1, "expected greater than or equal to 0, got a number"),
        (float("nan"), "expected a finite number, got a number"),
        (float("inf"), "expected a finite number, got a number"),
        (10**499, "expected a finite number, got a number"),
        (True, "expected a valid number, got a boolean"),
        (["512Mi"], "expected a valid number, got a list"),
        ({"value": 1}, "expected a valid number, got an object"),
    ],
)
def test_what_is_no_quantity_is_a_problem(value: Any, reason: str) -> None:
    assert read_quantity(value) == (None, [reason])


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, 0), (2**63 - 1, 2**63 - 1), ("12", 12), (12.0, 12), (None, None)],
)
def test_counts_are_whole_numbers(value: Any, expected: int | None) -> None:
    assert read_status("pagesFound", value) == (expected, [])


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (-1, "expected greater than or equal to 0, got a number"),
        (2**63, "expected less than or equal to 9223372036854775807, got a number"),
        (1.5, "expected a valid integer, got a number with a fractional part, got a number"),
        ("", "expected a valid integer, unable to parse string as an integer"),
        ("many", "expected a valid integer, unable to parse string as an integer"),
        (float("nan"), "expected a finite number, got a number"),
        ([], "expected a valid integer, got a list"),
        ({}, "expected a valid integer, got an object"),
    ],
)
def test_what_is_no_count_is_a_problem(value: Any, reason: str) -> None:
    count, [found] = read_status("pagesFound", value)

    assert count is None
    assert found.startswith(reason)


@pytest.mark.parametrize(
    ("value", "expected"), [(0, 0), (59.5, 59.5), ("60", 60), (2**62, 2**62), (None, None)]
)
def test_seconds_may_have_fractions(value: Any, expected: float | None) -> None:
    assert read_status("crawlExecTime", value) == (expected, [])


@pytest.mark.parametrize(
    "value", [-0.5, float("nan"), float("inf"), "NaN", "inf", 1e300, "soon", [], {}]
)
def test_what_are_no_seconds_is_a_problem(value: Any) -> None:
    seconds, reasons = read_status("crawlExecTime", value)

    assert seconds is None
    assert len(reasons) == 1


@pytest.mark.parametrize("code", [0, 137, 255, -1, -(2**31), 2**31 - 1])
def test_exit_codes_may_be_negative(code: int) -> None:
    assert read_status("lastCrawlPodExitCode", code) == (code, [])


@pytest.mark.parametrize("code", [2**31, -(2**31) - 1, "x", 1.5, []])
def test_what_is_no_exit_code_is_a_problem(code: Any) -> None:
    value, reasons = read_status("lastCrawlPodExitCode", code)

    assert value is None
    assert len(reasons) == 1


@pytest.mark.parametrize(
    ("value", "expected"),
    [(True, True), (False, False), (1, True), (0, False), ("1", True), ("false", False)],
)
def test_flags_are_booleans_or_what_browsertrix_writes_for_them(value: Any, expected: bool) -> None:
    assert read_status("stopping", value) == (expected, [])


@pytest.mark.parametrize("value", [2, -1, "", "perhaps", 0.5, [], {}])
def test_what_is_no_flag_is_a_problem(value: Any) -> None:
    flag, [reason] = read_status("stopping", value)

    assert flag is None
    assert reason.startswith("expected a valid boolean")


@pytest.mark.parametrize("value", ["", "x" * 1024, 'a\n"\\\x00\x85\u2028', "None"])
def test_texts_are_kept_as_they_are(value: str) -> None:
    assert read_status("state", value) == (value, [])


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("x" * 1025, "string should have at most 1024 characters, got a text of 1025 characters"),
        ("x" * 500_000, "string should have at most 1024 characters, got a text of 500000"),
        (7, "expected a valid string, got a number"),
        (True, "expected a valid string, got a boolean"),
        (["running"], "expected a valid string, got a list"),
        ({"state": "running"}, "expected a valid string, got an object"),
    ],
)
def test_what_is_no_text_is_a_problem(value: Any, reason: str) -> None:
    text, [found] = read_status("state", value)

    assert text is None
    assert found.startswith(reason)
