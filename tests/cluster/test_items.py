"""Taking the items out of a list's body, however it is written and wherever it is cut."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.cluster.items import ItemSplitter
from exporter.resources.decoding import InvalidObjectError
from support.pod_metrics import pod_metrics, pod_metrics_list
from support.strategies import any_json


class Skipped:
    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> None:
        self.times += 1


def split(pieces: list[bytes], longest: int = 10_000) -> tuple[list[bytes], bytes, int]:
    skipped = Skipped()
    splitter = ItemSplitter(skipped, longest)
    items = [item for piece in pieces for item in splitter.feed(piece)]
    return items, splitter.envelope, skipped.times


def cut(body: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(at for at in cuts if at < len(body)), len(body)]
    return [body[begin:end] for begin, end in itertools.pairwise(edges)]


@pytest.mark.parametrize(
    ("body", "items", "envelope"),
    [
        (b'{"items":[]}', [], b'{"items":[]}'),
        (b'{"items":[{"a":1},{"b":[2]}],"x":1}', [b'{"a":1}', b'{"b":[2]}'], b'{"items":[],"x":1}'),
        (b' { "items" : [ { } , [ ] ] } ', [b"{ }", b"[ ]"], b' { "items" : [] } '),
        (b'{"a":{"items":[{}]},"items":[{}]}', [b"{}"], b'{"a":{"items":[{}]},"items":[]}'),
        (b'{"x":[{}],"items":[{}]}', [b"{}"], b'{"x":[{}],"items":[]}'),
        (b'{"a":"\\"items\\":[","items":[{}]}', [b"{}"], b'{"a":"\\"items\\":[","items":[]}'),
        (b'{"\\u0069tems":[{}]}', [b"{}"], b'{"\\u0069tems":[]}'),
        (b'{"items":[{"a":"]}"},{"b":"\\\\"}]}', [b'{"a":"]}"}', b'{"b":"\\\\"}'], b'{"items":[]}'),
        (
            b'{"items":[{"a":[{},{"b":1},{},{},{},{}]},{}]}',
            [b'{"a":[{},{"b":1},{},{},{},{}]}', b"{}"],
            b'{"items":[]}',
        ),
        (
            b'{"items":[{"a":[{"x":"}]"},{"y":1}]},{"z":"{"}]}',
            [b'{"a":[{"x":"}]"},{"y":1}]}', b'{"z":"{"}'],
            b'{"items":[]}',
        ),
        (b'{"items":null}', [], b'{"items":null}'),
        (b'[{"items":[{}]}]', [], b'[{"items":[{}]}]'),
        (b'"items"', [], b'"items"'),
        (b"", [], b""),
    ],
)
def test_items_come_out_whole_and_the_rest_is_left_over(
    body: bytes, items: list[bytes], envelope: bytes
) -> None:
    assert split([body]) == (items, envelope, 0)
    assert split([body[at : at + 1] for at in range(len(body))]) == (items, envelope, 0)


@st.composite
def bodies(draw: st.DrawFn) -> tuple[bytes, list[Any], dict[str, Any]]:
    """A list in any formatting and order of keys, its items, and what else is in it."""
    items = draw(st.lists(any_json(), max_size=5))
    rest = draw(st.dictionaries(st.text(max_size=8).filter(lambda key: key != "items"), any_json()))
    keys = draw(st.permutations(["items", *rest]))
    value = {key: items if key == "items" else rest[key] for key in keys}
    text = json.dumps(
        value,
        ensure_ascii=draw(st.booleans()),
        indent=draw(st.sampled_from([None, 0, 1, "\t"])),
        separators=draw(st.sampled_from([(",", ":"), (" , ", " : "), (",\r\n", ":\t")])),
    )
    try:
        return text.encode(), items, rest
    except UnicodeEncodeError:
        return json.dumps(value).encode(), items, rest


@given(bodies(), st.lists(st.integers(0, 500)))
def test_they_are_the_items_that_a_whole_parse_finds(
    drawn: tuple[bytes, list[Any], dict[str, Any]], cuts: list[int]
) -> None:
    body, items, rest = drawn
    texts, envelope, skipped = split(cut(body, cuts))
    # By their text, for NaN is not equal to itself.
    found = [item for text in texts for item in json.loads(b"[%b]" % text)]
    assert list(map(repr, found)) == list(map(repr, items))
    assert repr(sorted(json.loads(envelope).items())) == repr(
        sorted((rest | {"items": []}).items())
    )
    assert skipped == 0


@given(st.binary(max_size=300), st.lists(st.integers(0, 300)))
def test_no_bytes_make_it_fail_otherwise(data: bytes, cuts: list[int]) -> None:
    for body in (data, b'{"items":[' + data):
        try:
            whole = split([body])
        except InvalidObjectError:
            with pytest.raises(InvalidObjectError):
                split(cut(body, cuts))
        else:
            assert split(cut(body, cuts)) == whole


NOISE = st.binary(max_size=4) | st.text('{}[],:" \\', max_size=6).map(str.encode)
SEPARATORS = st.sampled_from([None, (",", ":")])


@given(st.integers(min_value=0), NOISE, SEPARATORS, st.lists(st.integers(0, 900)))
def test_a_damaged_list_is_read_the_same_wherever_it_is_cut(
    at: int, noise: bytes, separators: tuple[str, str] | None, cuts: list[int]
) -> None:
    value = pod_metrics_list(*map(pod_metrics, "abcd"))
    body = json.dumps(value, separators=separators).encode()
    at %= len(body)
    damaged = body[:at] + noise + body[at + len(noise) :]
    try:
        whole = split([damaged])
    except InvalidObjectError:
        with pytest.raises(InvalidObjectError):
            split(cut(damaged, cuts))
    else:
        assert split(cut(damaged, cuts)) == whole


@pytest.mark.parametrize(
    "body",
    [
        b'{"items":[{}{}]}',
        b'{"items":[,{}]}',
        b'{"items":[{},]}',
        b'{"items":[{},,{}]}',
        b'{"items":[{}],"items":[{}]}',
        b'{"items":[' + b"[" * 2000,
        b"x" * 20_000,
    ],
)
def test_what_is_no_list_is_refused(body: bytes) -> None:
    def whole(pieces: list[bytes]) -> list[Any]:
        return [json.loads(item) for item in split(pieces)[0]]

    with pytest.raises((InvalidObjectError, json.JSONDecodeError)):
        whole([body])
    with pytest.raises((InvalidObjectError, json.JSONDecodeError)):
        whole(cut(body, [1, 9, 11, 13]))


def test_an_item_over_the_limit_is_skipped_and_the_others_are_read() -> None:
    long = json.dumps({"a": "x" * 2000, "b": [{"c": '"]}\\'}] * 50}).encode()
    body = b'{"items":[{"n":1},' + long + b',{"n":2},' + long + b"]}"
    for size in (1, 7, 500, len(body)):
        pieces = [body[at : at + size] for at in range(0, len(body), size)]
        found = split(pieces, longest=1000)
        assert found == ([b'{"n":1}', b'{"n":2}'], b'{"items":[]}', 2)


def test_an_endless_item_takes_no_memory() -> None:
    splitter = ItemSplitter(Skipped(), 1000)
    assert splitter.feed(b'{"items":[{"a":"') == []
    for _ in range(1000):
        assert splitter.feed(b"x" * 1000) == []
    assert splitter._parts == []
