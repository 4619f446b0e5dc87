"""Figures as the page shows them."""

import pytest

from exporter.web.status import formatting


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.9, "59 s"), (60, "1 min"), (3661, "1 h 1 min"), (90000, "1 d 1 h")],
)
def test_durations_in_their_two_greatest_units(seconds: float, text: str) -> None:
    assert formatting.duration(seconds) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "0.977 KiB"),
        (1536, "1.5 KiB"),
        (7 * 2**30, "7 GiB"),
        (123456789, "118 MiB"),
        (2**70, "1,048,576 PiB"),
        (None, "unknown"),
    ],
)
def test_sizes_in_binary_units(number: float | None, text: str) -> None:
    assert formatting.size(number) == text


@pytest.mark.parametrize(
    ("ratio", "text"), [(0.999, "99 %"), (1.0, "100 %"), (2.5, "250 %"), (None, "unknown")]
)
def test_percentages_are_rounded_down(ratio: float | None, text: str) -> None:
    assert formatting.percent(ratio) == text
