"""Splitting a watch's bytes into lines."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.cluster.lines import LineDecoder


class Skipped:
    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> None:
        self.times += 1


def feed(pieces: list[bytes], longest: int = 1000) -> tuple[list[bytes], int]:
    skipped = Skipped()
    lines = LineDecoder(skipped, longest)
    return [line for piece in pieces for line in lines.feed(piece)], skipped.times


@pytest.mark.parametrize(
    ("pieces", "lines"),
    [
        ([b"one\ntwo\n"], [b"one", b"two"]),
        ([b"o", b"n", b"e\nt", b"wo", b"\n"], [b"one", b"two"]),
        ([b"one", b"\n", b"two\n"], [b"one", b"two"]),
        ([b"one\n", b"cut off"], [b"one"]),
        ([b"\n\n \r\none\n\n"], [b"one"]),
        ([b""], []),
    ],
)
def test_lines_come_out_whole_however_they_arrive(pieces: list[bytes], lines: list[bytes]) -> None:
    assert feed(pieces) == (lines, 0)


@given(st.binary(max_size=300), st.lists(st.integers(0, 300)))
def test_where_the_pieces_are_cut_makes_no_difference(data: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    pieces = [data[begin:end] for begin, end in itertools.pairwise(edges)]
    assert feed(pieces) == feed([data])


def test_a_line_over_the_limit_is_skipped_and_the_stream_goes_on() -> None:
    pieces = [b"before\n", b"x" * 600, b"x" * 600, b"x" * 600 + b"\nafter\n"]
    assert feed(pieces) == ([b"before", b"after"], 1)


def test_a_line_of_exactly_the_limit_is_read() -> None:
    assert feed([b"x" * 1000 + b"\n"]) == ([b"x" * 1000], 0)
    assert feed([b"x" * 1001 + b"\n"]) == ([], 1)


def test_an_endless_line_takes_no_memory() -> None:
    lines = LineDecoder(Skipped(), 1000)
    for _ in range(1000):
        assert not list(lines.feed(b"x" * 1000))
    assert lines._parts == []


@pytest.mark.parametrize("blank", [b"\n", b" \n", b"\r\n", b"\t \n", b" " * 50 + b"\n"])
def test_a_million_blank_lines_are_one(blank: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """The event loop waits for a piece; so must nothing in it be done line by line."""
    finished: list[object] = []
    finish = LineDecoder._finish

    def counting(lines: LineDecoder) -> bytes | None:
        finished.append(lines)
        return finish(lines)

    monkeypatch.setattr(LineDecoder, "_finish", counting)
    lines = LineDecoder(Skipped())
    piece = b"one\n" + blank * (2 * 2**20 // len(blank)) + b"two\n"
    assert list(lines.feed(piece)) == [b"one", b"two"]
    assert list(lines.feed(blank * 2**20)) == []
    assert len(finished) <= 6
