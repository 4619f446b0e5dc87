"""The format and the encoding for each Accept and Accept-Encoding, malformed ones included."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.metrics import Format
from exporter.web.negotiation import LONGEST_HEADER, choose_encoding, choose_media_type

PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
    "application/openmetrics-text;version=0.0.1;q=0.4,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
)
PROMETHEUS_3_NATIVE = (
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;"
    "q=0.6," + PROMETHEUS_3
)
PROMETHEUS_3_TEXT_FIRST = (
    "text/plain;version=0.0.4;q=0.5,application/openmetrics-text;version=1.0.0;q=0.4,*/*;q=0.1"
)
FIREFOX = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize(
    "accept",
    [
        PROMETHEUS_2,
        PROMETHEUS_3,
        PROMETHEUS_3_NATIVE,
        "application/openmetrics-text",
        "application/openmetrics-text; version=0.0.1",
        'application/openmetrics-text; version="1.0.0"; charset=utf-8',
        "APPLICATION/OpenMetrics-Text; VERSION=1.0.0; Q=0.3",
        "application/*",
        "application/openmetrics-text, */*",
        "application/openmetrics-text;q=0.5, text/plain;q=0.4",
        "application/openmetrics-text, text/plain",  # a tie: the order counts
        "text/plain;q=0, application/openmetrics-text;q=0.001",
        "text/*;q=0.1, application/openmetrics-text;q=0.2",
        ",, ;;, application/openmetrics-text ,",
        "text/plain;version=2.0.0, application/openmetrics-text;q=0.1",
    ],
)
def test_openmetrics_where_it_is_preferred(accept: str) -> None:
    assert choose_media_type(accept).form is Format.OPENMETRICS


@pytest.mark.parametrize(
    "accept",
    [
        None,
        "",
        "*/*",
        "*",
        FIREFOX,
        PROMETHEUS_3_TEXT_FIRST,
        "text/plain",
        "text/*",
        "text/plain, application/openmetrics-text",
        "text/plain;q=0.5, application/openmetrics-text;q=0.4",
        "application/openmetrics-text;q=0",
        "application/openmetrics-text;q=0, */*",
        "application/openmetrics-text;version=1.0.0;q=0, application/*",
        "text/plain, */*",
        "text/plain;version=1.0.0, application/openmetrics-text;q=0.1",
        "text/plain;version=1.0.0;q=0, */*",
    ],
)
def test_text_where_it_is_preferred_or_nothing_is(accept: str | None) -> None:
    assert choose_media_type(accept).form is Format.TEXT


@pytest.mark.parametrize(
    "accept",
    [
        "application/openmetrics-text;version=abc",
        "application/openmetrics-text;version=2.0.0",
        "application/openmetrics-text;version=1",
        "application/openmetrics-text;q=abc",
        "application/openmetrics-text;q=nan",
        "application/openmetrics-text;q=inf",
        "application/openmetrics-text;q=-1",
        "application/openmetrics-text;q=2",
        "application/openmetrics-text;q=",
        "application/vnd.google.protobuf",
        "image/png",
        "garbage",
        ";;;===,,,",
        "\x00\x7f\udcff",
        "application/openmetrics-text" + " " * LONGEST_HEADER,
        "a" * 10_240,
    ],
)
def test_what_cannot_be_read_or_served_gets_text(accept: str) -> None:
    assert choose_media_type(accept).form is Format.TEXT


TEXT = "text/plain; version=0.0.4; charset=utf-8"
UNDERSCORES = "escaping=underscores"
TEXT_1 = "text/plain; version=1.0.0; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (None, TEXT),
        ("text/*", TEXT),
        ("text/plain;escaping=allow-utf-8", TEXT),  # as of 1.0.0, there is escaping
        ("text/plain;version=0.0.4;q=0.2, text/plain;version=1.0.0;q=0.1", TEXT),
        (
            "text/plain;version=1.0.0;q=0.3, text/plain;version=0.0.4;q=0.2",
            f"{TEXT_1}; {UNDERSCORES}",
        ),
        ("text/plain;version=1.0.0;escaping=allow-utf-8", f"{TEXT_1}; escaping=allow-utf-8"),
        ("text/plain;version=1.0.0;escaping=underscores", f"{TEXT_1}; {UNDERSCORES}"),
        ("text/plain;version=1.0.0;escaping=dots", f"{TEXT_1}; {UNDERSCORES}"),
        ("text/plain;version=1.0.0;escaping=values", f"{TEXT_1}; {UNDERSCORES}"),
        ("text/plain;version=1.0.0;escaping=a b", f"{TEXT_1}; {UNDERSCORES}"),
        (PROMETHEUS_2, OPENMETRICS),
        (PROMETHEUS_3, f"{OPENMETRICS}; escaping=allow-utf-8"),
        (PROMETHEUS_3.replace("allow-utf-8", "underscores"), f"{OPENMETRICS}; {UNDERSCORES}"),
        (PROMETHEUS_3.replace("allow-utf-8", "dots"), f"{OPENMETRICS}; {UNDERSCORES}"),
        (PROMETHEUS_3_NATIVE, f"{OPENMETRICS}; escaping=allow-utf-8"),
        (PROMETHEUS_3_TEXT_FIRST, TEXT),
        ("application/openmetrics-text;version=0.0.1", OPENMETRICS),
        ("application/openmetrics-text;version=1.0.0;escaping=", OPENMETRICS),
    ],
)
def test_the_content_type_names_the_version_and_the_escaping_that_were_asked_for(
    accept: str | None, content_type: str
) -> None:
    assert choose_media_type(accept).content_type == content_type


@pytest.mark.parametrize(
    ("header", "encoding"),
    [
        (None, "identity"),
        ("", "identity"),
        ("gzip", "gzip"),
        ("GZIP", "gzip"),
        ("x-gzip", "gzip"),
        ("gzip, deflate, br, zstd", "gzip"),
        ("zstd,gzip", "gzip"),  # Prometheus 3 with --enable-feature=zstd-scrape
        ("gzip;q=0", "identity"),
        ("gzip;q=0.0, *", "identity"),
        ("gzip;q=0.001", "gzip"),
        ("*", "gzip"),
        ("*;q=0", "identity"),
        ("identity", "identity"),
        ("identity, gzip;q=0.5", "identity"),
        ("identity;q=0.5, gzip", "gzip"),
        ("identity;q=0", "identity"),
        ("identity;q=0, *;q=0.1", "gzip"),
        ("deflate", "identity"),
        ("gzip;q=abc", "identity"),
        ("gzip;level=9", "gzip"),
        ("gzip" + "," * LONGEST_HEADER, "identity"),
    ],
)
def test_gzip_where_it_is_wanted(header: str | None, encoding: str) -> None:
    assert choose_encoding(header) == encoding


@given(st.text(alphabet=st.sampled_from('*/;,=q.01 "ateginopxz-'), max_size=200) | st.text())
def test_no_header_is_an_error(header: str) -> None:
    assert choose_media_type(header).form in Format
    assert choose_encoding(header) in {"gzip", "identity"}
