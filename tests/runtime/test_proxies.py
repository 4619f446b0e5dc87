"""Which proxy a request goes through: as Go's programs choose it."""

import pytest
from yarl import URL

from exporter.runtime.proxies import Proxy, ProxyConfig, ProxyError, request_options

VIA = "http://proxy:3128"


def chosen(no_proxy: str, url: str) -> bool:
    """Whether the request goes through the proxy."""
    config = ProxyConfig.from_environment(
        {"HTTPS_PROXY": VIA, "HTTP_PROXY": VIA, "NO_PROXY": no_proxy}
    )
    return config.choose(URL(url)) is not None


@pytest.mark.parametrize(
    ("no_proxy", "url"),
    [
        ("*", "https://example.com"),
        ("example.com", "https://example.com"),
        ("example.com", "https://api.example.com:6443"),
        ("EXAMPLE.com", "https://api.Example.COM"),
        (".example.com", "https://api.example.com"),
        ("*.example.com", "https://api.example.com"),
        ("10.0.0.0/8", "https://10.96.0.1"),
        ("a, 10.96.0.0/12 ,b", "https://10.96.0.1:443"),
        ("10.96.0.1", "https://10.96.0.1:6443"),
        ("10.96.0.1:6443", "https://10.96.0.1:6443"),
        ("example.com:443", "https://example.com"),
        ("fd00::/8", "https://[fd00::1]:6443"),
        ("[fd00::1]", "https://[fd00::1]"),
        ("[fd00::1]:443", "https://[fd00::1]"),
        ("", "https://localhost:6443"),
        ("", "http://127.0.0.9:8080"),
        ("", "https://[::1]:6443"),
    ],
)
def test_these_are_reached_directly(no_proxy: str, url: str) -> None:
    assert not chosen(no_proxy, url)


@pytest.mark.parametrize(
    ("no_proxy", "url"),
    [
        ("", "https://10.96.0.1"),
        (",, ,", "https://example.com"),
        (".example.com", "https://example.com"),
        ("*.example.com", "https://example.com"),
        ("ample.com", "https://example.com"),
        ("example.com:80", "https://example.com"),
        ("10.96.0.1:443", "https://10.96.0.1:6443"),
        ("10.0.0.0/8", "https://11.0.0.1"),
        ("10.0.0.0/8", "https://host-10.0.0.1.example"),
        ("10.0.0.0/99", "https://10.0.0.1"),
        ("/", "https://10.0.0.1"),
    ],
)
def test_these_go_through_the_proxy(no_proxy: str, url: str) -> None:
    assert chosen(no_proxy, url)


def test_each_scheme_has_a_variable_of_its_own_in_either_case() -> None:
    config = ProxyConfig.from_environment({"https_proxy": "one:1", "HTTP_PROXY": "two:2"})
    assert config.choose(URL("https://a")) == Proxy(URL("http://one:1"))
    assert config.choose(URL("http://a")) == Proxy(URL("http://two:2"))
    assert ProxyConfig.from_environment({}).choose(URL("https://a")) is None


def test_user_and_password_are_sent_and_never_shown() -> None:
    proxy = Proxy.parse("user:s3%40cret@host:3128")
    assert proxy.url == URL("http://host:3128")
    assert request_options(proxy) == {
        "proxy": URL("http://host:3128"),
        "proxy_headers": {"Authorization": "Basic dXNlcjpzM0BjcmV0"},
    }
    assert request_options(Proxy.parse("host:3128")) == {"proxy": URL("http://host:3128")}
    assert request_options(None) == {}
    assert "s3" not in repr(proxy)
    assert "dXNl" not in repr(proxy)


@pytest.mark.parametrize(
    "text", ["http://p:notaport", "p:99999", "ftp://u:s3cret@p:1", "http://:1"]
)
def test_what_is_no_address_of_a_proxy_is_refused_without_its_password(text: str) -> None:
    with pytest.raises(ProxyError, match="HTTPS_PROXY: a proxy's address is not of the form"):
        ProxyConfig.from_environment({"HTTPS_PROXY": text})


def test_socks_is_refused_with_what_to_do() -> None:
    with pytest.raises(ProxyError, match=r"SOCKS proxies cannot be used; give .* an HTTP proxy"):
        Proxy.parse("socks5://u:s3cret@host:1080")
