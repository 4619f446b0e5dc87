"""Which files are good: as the exporter-toolkit documents it, and as promtool says."""

import ssl
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from exporter.web.config.file import WebConfigFile
from exporter.web.config.model import CIPHERS, CURVES, WebConfigError
from exporter.web.config.parsing import parse
from support.certificates import needs_openssl
from support.tools import Edition
from support.web_configs import Certificates, hashed, write_web_config

pytestmark = needs_openssl

FILES: Final = {"cert_file": "server.crt", "key_file": "server.key"}


def tls(**more: Any) -> dict[str, Any]:
    return {"tls_server_config": FILES | more}


def headers(**given: str) -> dict[str, Any]:
    named = {name.replace("_", "-"): value for name, value in given.items()}
    return {"http_server_config": {"headers": named}}


MUTUAL: Final = {
    "client_auth_type": "RequireAndVerifyClientCert",
    "client_ca_file": "prometheus.crt",
}
IF_GIVEN: Final = {"client_auth_type": "VerifyClientCertIfGiven"}
HASH: Final = hashed()

GOOD: Final[dict[str, Any]] = {
    "empty": "",
    "comments": "# nothing\n",
    "null": "tls_server_config:\nbasic_auth_users: ~\n",
    "tls": tls(),
    "verify if given, by the system's authorities": tls(**IF_GIVEN),
    "no client certificate": tls(client_auth_type="NoClientCert"),
    "request": tls(client_auth_type="RequestClientCert"),
    "require and verify": tls(**MUTUAL),
    "require and verify, by the system's authorities": tls(
        client_auth_type="RequireAndVerifyClientCert"
    ),
    "require any, with authorities": tls(**MUTUAL | {"client_auth_type": "RequireAnyClientCert"}),
    "sans": tls(**MUTUAL, client_allowed_sans=["one", "prometheus"]),
    "all ciphers": tls(cipher_suites=list(CIPHERS)),
    "some ciphers": tls(
        cipher_suites=["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"],
        prefer_server_cipher_suites=False,
        min_version="TLS12",
        max_version="TLS12",
    ),
    "all curves": tls(curve_preferences=list(CURVES)),
    "one curve": tls(curve_preferences=["CurveP521"], min_version="TLS13"),
    "old versions": tls(min_version="TLS10", max_version="TLS13"),
    "headers": headers(
        X_Frame_Options="deny",
        Strict_Transport_Security="max-age=31536000; includeSubDomains",
        X_Content_Type_Options="nosniff",
        Content_Security_Policy="default-src 'self' *.example.net",
    )
    | {"basic_auth_users": {"alice": HASH}},
    "a header that is a number": "http_server_config: {headers: {X-XSS-Protection: 1}}",
    "no HTTP/2": {"http_server_config": {"http2": False}},
    "users": {"basic_auth_users": {"alice": HASH, "bob": HASH}},
    "no rate": {"rate_limit": {"interval": 0, "burst": 0}},
    "a rate": {"rate_limit": {"interval": "1s", "burst": 20}},
}
"""By what each shows; all of them by promtool, too."""

BAD: Final[dict[str, tuple[Any, str]]] = {
    "no mapping": ("junk\nmore junk\n", ":1: expected keys, each as NAME: VALUE"),
    "unknown key": (
        {"tls_server_config": {"cert_filse": "server.crt"}},
        ":2: tls_server_config: unknown key 'cert_filse'; did you mean cert_file?",
    ),
    "unknown section": ({"tls_config": {}}, ":1: unknown key 'tls_config'"),
    "key twice": (
        "rate_limit: {}\nrate_limit: {}\n",
        ":2: rate_limit is given twice",
    ),
    "cert_file empty": (tls(cert_file=""), "missing one of cert or cert_file"),
    "cert empty": (
        {"tls_server_config": {"cert": "", "key_file": "server.key"}},
        "missing one of cert or cert_file",
    ),
    "key_file empty": (tls(key_file=""), "missing one of key or key_file"),
    "both empty": (
        tls(cert_file="", key_file="", client_auth_type="NoClientCert"),
        "missing one of cert or cert_file",
    ),
    "no such cert_file": (tls(cert_file="some"), "cert_file: .*/some: No such file"),
    "no such key_file": (tls(key_file="some"), "key_file: .*/some: No such file"),
    "another's key": (tls(key_file="stranger.key"), "key values mismatch"),
    "no certificate": (
        tls(cert_file="server.key"),
        "server.key, .*server.key: no valid certificate or key",
    ),
    "no such client_ca_file": (
        tls(**MUTUAL | {"client_ca_file": "some"}),
        "client_ca_file: .*/some: No such file",
    ),
    "authorities without a policy": (
        tls(client_ca_file="prometheus.crt"),
        "client_ca does nothing without client_auth_type",
    ),
    "unknown policy": (
        tls(client_auth_type="x"),
        "client_auth_type: expected one of NoClientCert, .*, got 'x'",
    ),
    "invented cipher": (
        tls(cipher_suites=["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA2048"]),
        "unknown cipher 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA2048'",
    ),
    "invented curve": (tls(curve_preferences=["CurveP257"]), "unknown curve 'CurveP257'"),
    "invented version": (tls(min_version="TLS111"), "unknown TLS version 'TLS111'"),
    "no hash": ({"basic_auth_users": {"john": "doe"}}, "expected a hash by bcrypt"),
    "another header": (headers(Content_Type="foo"), "headers: unknown key 'Content-Type'"),
    "another frame option": (
        headers(X_Frame_Options="foo"),
        "X-Frame-Options: expected one of deny, sameorigin, got 'foo'",
    ),
    "another type option": (
        headers(X_Content_Type_Options="sniff"),
        "X-Content-Type-Options: expected one of nosniff, got 'sniff'",
    ),
    "http2 is no switch": ({"http_server_config": {"http2": "maybe"}}, "expected true or false"),
    "no duration": ({"rate_limit": {"interval": "soon"}}, "interval: expected a duration"),
    "no number": ({"rate_limit": {"burst": "many"}}, "burst: expected a whole number"),
    "a list for a text": (tls(cert_file=["server.crt"]), "cert_file: expected text"),
    "a text for a list": (tls(cipher_suites={"a": "b"}), "expected a list"),
}
"""By what each shows: the file, and part of the line; all of them are refused by promtool, too."""

BAD_HERE: Final[dict[str, tuple[Any, str]]] = {
    "require any": (
        tls(client_auth_type="RequireAnyClientCert"),
        "RequireAnyClientCert, which believes every certificate, cannot be had here",
    ),
    "sans that are not verified": (
        tls(client_allowed_sans=["one"]),
        "client_allowed_sans does nothing without RequireAndVerifyClientCert",
    ),
    "authorities that are none": (
        tls(**MUTUAL | {"client_ca_file": "server.key"}),
        "server.key: ",
    ),
    "TLS that is none": (
        {"tls_server_config": {"min_version": "TLS13"}},
        "missing one of cert or cert_file",
    ),
    "two certificates": (tls(cert="x"), "cert and cert_file exclude each other"),
    "no version left": (
        tls(min_version="TLS13", max_version="TLS12"),
        "min_version is above max_version",
    ),
    "no cipher left": (
        tls(cipher_suites=["TLS_AES_128_GCM_SHA256"], max_version="TLS12"),
        "none of them is one of max_version",
    ),
    "some curves": (
        tls(curve_preferences=["X25519", "CurveP256"]),
        "name one curve or all four",
    ),
    "an interval without a unit": ({"rate_limit": {"interval": 5}}, "a duration with its unit"),
    "a negative interval": ({"rate_limit": {"interval": "-1s"}}, "a duration with its unit"),
    "an alias": ("basic_auth_users: &a {}\nrate_limit: *a\n", ":2: aliases are not supported"),
    "a header of two lines": (
        {"http_server_config": {"headers": {"X-XSS-Protection": "1\r\nSet-Cookie: a"}}},
        "X-XSS-Protection: expected one line",
    ),
    "a user that nobody can name": ({"basic_auth_users": {"a:b": HASH}}, "a colon"),
}
"""What promtool lets pass: it would protect nothing, or not what it says."""


@pytest.fixture
def folder(certificates: Certificates, tmp_path: Path) -> Path:
    """The certificates' names lead into it: paths are relative to the file."""
    for file in certificates.folder.iterdir():
        (tmp_path / file.name).symlink_to(file)
    return tmp_path


@pytest.mark.parametrize("case", GOOD)
def test_what_is_good_is_read(folder: Path, case: str) -> None:
    assert WebConfigFile(write_web_config(folder / "web.yml", GOOD[case])).in_force()


@pytest.mark.parametrize("case", BAD | BAD_HERE)
def test_what_is_not_is_refused_in_one_line(folder: Path, case: str) -> None:
    content, expected = (BAD | BAD_HERE)[case]
    with pytest.raises(WebConfigError, match=expected) as raised:
        WebConfigFile(write_web_config(folder / "web.yml", content))
    text = str(raised.value)
    assert "\n" not in text
    assert str(folder) in text or text.startswith("cipher_suites")
    assert not {"john", "doe", "a:b", HASH} & set(text.split())


@pytest.mark.slow("runs promtool for each case")
def test_promtool_agrees_where_it_is_not_written_that_it_does_not(folder: Path) -> None:
    """The newest: that of Debian knows neither SANs nor a rate limit."""
    promtool = Edition.NEWEST.require("promtool")

    def refuses(case: str, content: Any) -> bool:
        file = write_web_config(folder / f"{case.replace(' ', '-').replace('/', '')}.yml", content)
        ran = subprocess.run(
            [promtool, "check", "web-config", file],
            capture_output=True,
            check=False,
        )
        return ran.returncode != 0

    assert [case for case, content in GOOD.items() if refuses(case, content)] == []
    assert [case for case, (content, _) in BAD.items() if not refuses(case, content)] == []
    assert [case for case, (content, _) in BAD_HERE.items() if refuses(case, content)] == []


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(WebConfigError, match=r"none\.yml: No such file or directory"):
        parse(tmp_path / "none.yml")


def test_certificate_and_key_can_stand_in_the_file(
    certificates: Certificates, tmp_path: Path
) -> None:
    content = {
        "tls_server_config": {
            "cert": (certificates.folder / "server.crt").read_text(),
            "key": (certificates.folder / "server.key").read_text(),
            "client_ca": (certificates.folder / "prometheus.crt").read_text(),
            "client_auth_type": "RequireAndVerifyClientCert",
        }
    }
    file = WebConfigFile(write_web_config(tmp_path / "web.yml", content))
    rules = file.in_force()
    assert rules.tls is not None
    assert rules.tls.context.verify_mode is ssl.CERT_REQUIRED
    assert "PRIVATE" not in repr(rules.config)


def test_what_is_left_out_is_as_the_toolkit_has_it(folder: Path) -> None:
    config = parse(write_web_config(folder / "web.yml", tls())).tls
    assert config is not None
    assert (config.min_version, config.max_version) == (
        ssl.TLSVersion.TLSv1_2,
        ssl.TLSVersion.TLSv1_3,
    )
    assert config.prefer_server_cipher_suites
    assert config.client_auth == "NoClientCert"
    assert config.files == (folder / "server.crt", folder / "server.key")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1s", 1.0), ("500ms", 0.5), ("1m30s", 90.0), ("1.5h", 5400.0), ("10us", 1e-5)],
)
def test_an_interval_is_one_of_go_s_durations(tmp_path: Path, text: str, seconds: float) -> None:
    content = {"rate_limit": {"interval": text, "burst": 3}}
    limit = parse(write_web_config(tmp_path / "web.yml", content)).rate_limit
    assert limit is not None
    assert limit.interval == pytest.approx(seconds)
    assert limit.burst == 3


def test_blank_headers_are_none(tmp_path: Path) -> None:
    content = headers(X_Frame_Options="", Content_Security_Policy="default-src 'none'")
    config = parse(write_web_config(tmp_path / "web.yml", content))
    assert config.headers == {"Content-Security-Policy": "default-src 'none'"}
