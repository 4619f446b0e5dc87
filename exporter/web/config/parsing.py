"""Reads a web configuration: what the exporter-toolkit refuses is refused, at its line.

Where the toolkit takes what does nothing, or not what it says, it is refused here, too: a file that
means to protect something must. docs/tls-and-users.md lists what differs.
"""

import re
import ssl
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Final, NoReturn, TypeVar

import yaml

from exporter.settings.given import SettingsError
from exporter.settings.yaml_nodes import NULL, compose
from exporter.web.config.model import (
    CIPHERS,
    CURVES,
    VERSIONS,
    ClientAuth,
    Pem,
    RateLimit,
    TlsConfig,
    WebConfig,
    WebConfigError,
)

_HEADERS: Final[Mapping[str, tuple[str, ...]]] = {
    "Content-Security-Policy": (),
    "Strict-Transport-Security": (),
    "X-Content-Type-Options": ("nosniff",),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-XSS-Protection": (),
}
"""Those that can be configured, with the values they may have; none is any."""

_SECTIONS: Final = ("tls_server_config", "http_server_config", "basic_auth_users", "rate_limit")
_HTTP_KEYS: Final = ("http2", "headers")
_TLS_KEYS: Final = (
    *("cert", "key", "client_ca", "cert_file", "key_file", "client_ca_file"),
    *("client_auth_type", "client_allowed_sans", "min_version", "max_version", "cipher_suites"),
    *("prefer_server_cipher_suites", "curve_preferences"),
)
_TRUE: Final = frozenset({"true", "yes", "on", "y"})
_FALSE: Final = frozenset({"false", "no", "off", "n"})
_BCRYPT: Final = re.compile(r"\$2[abxy]\$(?:0[4-9]|[12]\d|3[01])\$[./A-Za-z0-9]{53}", re.ASCII)
_SECONDS: Final = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION: Final = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h)", re.ASCII)

T = TypeVar("T")


def parse(path: Path) -> WebConfig:
    """Read a file; paths in it are relative to it. Raises WebConfigError, with file and line."""
    try:
        root = compose(path)
    except OSError as error:
        raise WebConfigError(f"{path}: {error.strerror}") from None
    except SettingsError as error:
        raise WebConfigError(str(error)) from None
    reader = _Reader(path)
    sections = reader.section(root, "", _SECTIONS)
    http = reader.section(sections.get("http_server_config"), "http_server_config", _HTTP_KEYS)
    return WebConfig(
        tls=reader.tls(sections.get("tls_server_config")),
        http2=reader.switch(http["http2"], "http2") if "http2" in http else None,
        headers=dict(reader.headers(http.get("headers"))),
        users=dict(reader.users(sections.get("basic_auth_users"))),
        rate_limit=reader.rate_limit(sections.get("rate_limit")),
    )


class _Reader:
    """Takes values from nodes; of those that may be secrets none is in an error."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def section(
        self, node: yaml.Node | None, name: str, known: tuple[str, ...] = ()
    ) -> dict[str, yaml.Node]:
        """The nodes of a mapping that have values; all keys are ``known``, unless none is."""
        if node is None or node.tag == NULL:
            return {}
        where = f"{name}: " if name else ""
        if not isinstance(node, yaml.MappingNode):
            self._refuse(node, f"{where}expected keys, each as NAME: VALUE")
        found: dict[str, yaml.Node] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._refuse(key, f"{where}expected a name as key")
            if key.value in found:
                self._refuse(key, f"{where}{key.value if known else 'a name'} is given twice")
            if known and key.value not in known:
                close = get_close_matches(key.value, known, n=1)
                hint = f"; did you mean {close[0]}?" if close else ""
                self._refuse(key, f"{where}unknown key {key.value!r}{hint}")
            found[key.value] = value
        return {key: value for key, value in found.items() if value.tag != NULL}

    def tls(self, node: yaml.Node | None) -> TlsConfig | None:
        """``tls_server_config``; None where there is nothing in it."""
        given = self.section(node, "tls_server_config", _TLS_KEYS)
        if node is None or not given:
            return None
        config = TlsConfig(
            cert=self._pem(given, "cert"),
            key=self._pem(given, "key"),
            client_ca=self._pem(given, "client_ca"),
            client_auth=self._client_auth(given.get("client_auth_type")),
            client_allowed_sans=self._texts(given.get("client_allowed_sans"), "SAN"),
            min_version=self._version(given.get("min_version"), ssl.TLSVersion.TLSv1_2),
            max_version=self._version(given.get("max_version"), ssl.TLSVersion.TLSv1_3),
            cipher_suites=self._texts(given.get("cipher_suites"), "cipher", CIPHERS),
            prefer_server_cipher_suites=self.switch(
                given.get("prefer_server_cipher_suites"), "prefer_server_cipher_suites"
            ),
            curve_preferences=self._texts(given.get("curve_preferences"), "curve", CURVES),
        )
        if problem := _contradiction(config):
            self._refuse(node, f"tls_server_config: {problem}")
        return config

    def headers(self, node: yaml.Node | None) -> Iterator[tuple[str, str]]:
        """``headers``, without those that are blank."""
        for name, value in self.section(node, "headers", tuple(_HEADERS)).items():
            text = self._text(value, name)
            if not text.isprintable():
                self._refuse(value, f"{name}: expected one line")
            if text and (allowed := _HEADERS[name]) and text not in allowed:
                self._refuse(value, f"{name}: expected one of {', '.join(allowed)}, got {text!r}")
            if text:
                yield name, text

    def users(self, node: yaml.Node | None) -> Iterator[tuple[str, str]]:
        """``basic_auth_users``. Neither names nor hashes are in an error."""
        for name, value in self.section(node, "basic_auth_users").items():
            text = self._text(value, "basic_auth_users")
            if not _BCRYPT.fullmatch(text):
                self._refuse(
                    value, "basic_auth_users: expected a hash by bcrypt, such as htpasswd -nB makes"
                )
            if ":" in name:
                self._refuse(value, "basic_auth_users: no name can have a colon in it")
            yield name, text

    def rate_limit(self, node: yaml.Node | None) -> RateLimit | None:
        """``rate_limit``; None where it limits nothing."""
        given = self.section(node, "rate_limit", ("interval", "burst"))
        interval = self._converted(given.get("interval"), "interval", _duration, 0.0)
        burst = self._converted(given.get("burst"), "burst", _whole_number, 0)
        return RateLimit(interval, burst) if interval else None

    def switch(self, node: yaml.Node | None, name: str) -> bool:
        """True or false, true where there is none."""
        return self._converted(node, name, _switch, True)

    def _pem(self, given: Mapping[str, yaml.Node], name: str) -> Pem:
        text = self._text(given[name], name) if name in given else ""
        file = self._text(given[f"{name}_file"], f"{name}_file") if f"{name}_file" in given else ""
        if text and file:
            self._refuse(given[name], f"{name} and {name}_file exclude each other")
        if "\0" in file:
            self._refuse(given[f"{name}_file"], f"{name}_file: expected a path")
        return Pem(text=text, file=self._path.parent / file if file else None)

    def _client_auth(self, node: yaml.Node | None) -> ClientAuth:
        text = "" if node is None else self._text(node, "client_auth_type")
        if text == "RequireClientCert":  # the toolkit's older name
            return ClientAuth.REQUIRE_ANY
        try:
            return ClientAuth(text or "NoClientCert")
        except ValueError:
            self._refuse(
                node, f"client_auth_type: expected one of {', '.join(ClientAuth)}, got {text!r}"
            )

    def _version(self, node: yaml.Node | None, default: ssl.TLSVersion) -> ssl.TLSVersion:
        if node is None:
            return default
        text = self._text(node, "TLS version")
        if text not in VERSIONS:
            self._refuse(node, f"unknown TLS version {text!r}: expected {', '.join(VERSIONS)}")
        return VERSIONS[text]

    def _texts(
        self, node: yaml.Node | None, what: str, known: Mapping[str, str] | None = None
    ) -> tuple[str, ...]:
        if node is None:
            return ()
        if not isinstance(node, yaml.SequenceNode):
            self._refuse(node, f"expected a list, each {what} as - NAME")
        texts = tuple(self._text(one, what) for one in node.value)
        for one, text in zip(node.value, texts, strict=True):
            if known is not None and text not in known:
                self._refuse(one, f"unknown {what} {text!r}: known are {', '.join(known)}")
        return tuple(dict.fromkeys(texts))

    def _text(self, node: yaml.Node, name: str) -> str:
        if not isinstance(node, yaml.ScalarNode) or node.tag.startswith("!"):
            self._refuse(node, f"{name}: expected text")
        return "" if node.tag == NULL else str(node.value)

    def _converted(
        self, node: yaml.Node | None, name: str, convert: Callable[[str], T], default: T
    ) -> T:
        if node is None:
            return default
        try:
            return convert(self._text(node, name))
        except ValueError as error:
            self._refuse(node, f"{name}: {error}")

    def _refuse(self, node: yaml.Node | None, text: str) -> NoReturn:
        line = f":{node.start_mark.line + 1}" if node else ""
        raise WebConfigError(f"{self._path}{line}: {text}")


def _contradiction(config: TlsConfig) -> str | None:
    """What cannot work, or would protect nothing, in one line."""
    auth, curves = config.client_auth, len(config.curve_preferences)
    problems = {
        "missing one of cert or cert_file": not config.cert,
        "missing one of key or key_file": not config.key,
        "client_ca does nothing without client_auth_type": (
            bool(config.client_ca) and auth is ClientAuth.NO
        ),
        "RequireAnyClientCert, which believes every certificate, cannot be had here; "
        "RequireAndVerifyClientCert with a client_ca can": (
            auth is ClientAuth.REQUIRE_ANY and not config.client_ca
        ),
        "client_allowed_sans does nothing without RequireAndVerifyClientCert": (
            bool(config.client_allowed_sans) and not auth.verifies
        ),
        "min_version is above max_version": config.min_version > config.max_version,
        "curve_preferences: name one curve or all four; some of them cannot be chosen here": (
            1 < curves < len(CURVES)
        ),
    }
    return next((text for text, is_one in problems.items() if is_one), None)


def _switch(text: str) -> bool:
    if text.lower() not in _TRUE | _FALSE:
        raise ValueError("expected true or false")
    return text.lower() in _TRUE


def _duration(text: str) -> float:
    """Go's ``time.ParseDuration``, in seconds."""
    if text == "0":
        return 0.0
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError("expected a duration with its unit, such as 1s or 500ms")
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


def _whole_number(text: str) -> int:
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII):
        raise ValueError("expected a whole number")
    return int(text)
