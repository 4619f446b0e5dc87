"""Where the API server is and who we are to it.

Long, for a kubeconfig has many forms; one test each.
"""

import base64
import ctypes
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from exporter.cluster import exec_plugin as plugin_module
from exporter.cluster.credentials import ConfigError, InCluster, Kubeconfig, find_source
from exporter.simulator import ApiServer
from support.following import Opened
from support.kubeconfigs import TOKEN, config, exec_user, plugin, write


async def token(source: Kubeconfig | InCluster) -> str:
    found: str = (await source.load()).api_key["BearerToken"]
    return found.strip()


# -- which one


async def test_the_file_given_comes_first(tmp_path: Path) -> None:
    given, other = tmp_path / "given", tmp_path / "other"
    write(given, config({"token": "given"}))
    write(other, config({"token": "other"}))
    source = find_source(given, None, {"KUBECONFIG": str(other)})
    assert await token(source) == "Bearer given"  # type: ignore[arg-type]


async def test_several_files_of_kubeconfig_are_merged(tmp_path: Path) -> None:
    one, two = config(name="one"), config({"token": "two"}, name="two")
    paths = [write(tmp_path / "1", one), write(tmp_path / "2", two), tmp_path / "absent"]
    environ = {"KUBECONFIG": os.pathsep.join(map(str, paths))}
    source = find_source(None, "two", environ)
    assert await token(source) == "Bearer two"  # type: ignore[arg-type]


async def test_the_home_directorys_comes_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".kube").mkdir()
    write(tmp_path / ".kube/config", config({"token": "home"}))
    monkeypatch.setenv("HOME", str(tmp_path))
    environ = {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}
    assert await token(find_source(None, None, environ)) == "Bearer home"  # type: ignore[arg-type]


def test_the_pods_own_account_comes_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    source = find_source(None, None, {"KUBERNETES_SERVICE_HOST": "10.0.0.1"})
    assert isinstance(source, InCluster)


def test_no_configuration_at_all_is_an_error_that_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(ConfigError, match="name one with --kubeconfig"):
        find_source(None, None, {})
    with pytest.raises(ConfigError, match="context x: there is no kubeconfig"):
        find_source(None, "x", {"KUBERNETES_SERVICE_HOST": "10.0.0.1"})


# -- what is wrong with it


@pytest.mark.parametrize(
    ("content", "context", "why"),
    [
        ("a: [", None, "not valid YAML at line 1"),
        ("", None, "no valid kubeconfig"),
        ("just text", None, "no valid kubeconfig"),
        ("- a\n", None, "no valid kubeconfig"),
        ({"kind": "Config"}, None, "no current-context is set"),
        (config() | {"current-context": ""}, None, "no current-context is set"),
        (config(), "other", "context other: there is no context other; there are: main"),
        (config() | {"clusters": []}, None, "object with name main-cluster in .*clusters list"),
        (config() | {"users": []}, None, "object with name main-user in .*users list"),
        (config() | {"users": 5}, None, "no valid kubeconfig"),
        (config() | {"users": [{"token": "secret"}]}, None, "no valid kubeconfig"),
        (config(cluster={"server": "ftp://x"}), None, "no http or https address"),
        (config(cluster={"proxy-url": "http://x"}), None, "no http or https address"),
        (config({"tokenFile": "absent"}), None, "absent: No such file"),
        (config({"exec": {"args": ["secret"]}}), None, "missing key 'command'"),
        (config({"exec": "secret"}), None, "kubeconfig"),
        (config(exec_user("no-such-plugin")), None, "plugin no-such-plugin is not installed"),
        (config(exec_user("false")), None, "plugin false: exit status 1"),
        (config(exec_user("echo", "[]")), None, "its answer is no ExecCredential"),
        (config(exec_user("sh", "-c", "echo login first >&2; exit 3")), None, "3: login first"),
        (config(exec_user("echo", "no json")), None, "plugin echo: its answer is no JSON"),
        (
            config({"client-certificate": "absent.pem"}, {"server": "https://x"}),
            None,
            "absent.pem: No such file",
        ),
        (
            config({"client-certificate-data": "!secret"}, {"server": "https://x"}),
            None,
            "client-certificate-data is not base64",
        ),
    ],
)
async def test_a_kubeconfig_that_cannot_be_used_is_an_error_of_one_line(
    tmp_path: Path, content: Any, context: str | None, why: str
) -> None:
    path = write(tmp_path / "kubeconfig", content)
    with pytest.raises(ConfigError, match=why) as caught:
        await Kubeconfig([path], context).load()
    text = str(caught.value)
    assert text.startswith(f"kubeconfig {path}")
    assert "\n" not in text
    assert "secret" not in text


async def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"kubeconfig .*/absent: no such file"):
        await Kubeconfig([tmp_path / "absent"], None).load()


async def test_a_context_without_a_user_needs_no_credentials(tmp_path: Path) -> None:
    value = config()
    del value["contexts"][0]["context"]["user"]
    configuration = await Kubeconfig([write(tmp_path / "k", value)], None).load()
    assert configuration.host == "http://api:1"
    assert configuration.api_key == {}


# -- that lasts only so long


async def test_a_changed_kubeconfig_is_stale_and_read_again(tmp_path: Path) -> None:
    path = write(tmp_path / "k", config({"token": "one"}))
    source = Kubeconfig([path], None)
    assert await token(source) == "Bearer one"
    assert not source.stale()
    write(path, config({"token": "another"}))
    assert source.stale()
    assert await token(source) == "Bearer another"
    assert not source.stale()


async def test_a_token_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    file = write(tmp_path / "token", "one\n")
    path = write(tmp_path / "k", config({"tokenFile": "token", "token": "fallback"}))
    source = Kubeconfig([path], None)
    assert await token(source) == "Bearer one"
    write(file, "another\n")
    assert source.stale()
    assert await token(source) == "Bearer another"
    write(file, "")
    assert await token(source) == "Bearer another"  # halfway through a rotation


async def test_a_plugins_token_is_renewed_before_it_expires(tmp_path: Path) -> None:
    user = plugin(tmp_path, {"token": "t"}, seconds=5)
    source = Kubeconfig([write(tmp_path / "k", config(user))], None)
    assert await token(source) == "Bearer t1"
    assert not source.stale()
    assert 0 < source._renew_at - time.monotonic() <= 4
    source._renew_at = time.monotonic()
    assert source.stale()
    assert await token(source) == "Bearer t2"


async def test_a_clock_set_back_a_day_does_not_keep_a_plugins_token_for_a_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = plugin(tmp_path, {"token": "t"}, seconds=600)
    source = Kubeconfig([write(tmp_path / "k", config(user))], None)
    await source.load()
    wall, monotonic = time.time, time.monotonic
    monkeypatch.setattr(time, "time", lambda: wall() - 86_400)
    assert not source.stale()
    monkeypatch.setattr(time, "monotonic", lambda: monotonic() + 541)
    assert source.stale()


async def test_a_clock_set_forward_a_day_does_not_ask_a_plugin_at_each_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Kubeconfig(
        [write(tmp_path / "k", config(plugin(tmp_path, {"token": "t"}, seconds=600)))], None
    )
    await source.load()
    wall = time.time
    monkeypatch.setattr(time, "time", lambda: wall() + 86_400)
    assert not source.stale()


async def test_a_plugins_token_without_expiry_is_kept(tmp_path: Path) -> None:
    user = plugin(tmp_path, {"token": "t"})
    source = Kubeconfig([write(tmp_path / "k", config(user))], None)
    assert await token(source) == "Bearer t1"
    assert source._renew_at == float("inf")


async def test_a_plugins_certificate_replaces_the_one_before(tmp_path: Path) -> None:
    status = {"clientCertificateData": "CERTIFICATE", "clientKeyData": "KEY"}
    value = config(plugin(tmp_path, status, seconds=3600), {"server": "https://api:1"})
    source = Kubeconfig([write(tmp_path / "k", value)], None)
    await source.load()
    assert source.tls.certificate == b"CERTIFICATE"
    assert source.tls.key == b"KEY"
    assert 3500 < source._renew_at - time.monotonic() <= 3540


async def test_a_plugin_that_gives_nothing_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path / "k", config(plugin(tmp_path, {"clientCertificateData": "secret"})))
    with pytest.raises(
        ConfigError, match="gave neither a token nor a certificate with its key"
    ) as caught:
        await Kubeconfig([path], None).load()
    assert "secret" not in str(caught.value)


async def test_a_plugin_that_hangs_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugin_module, "TIMEOUT", 0.2)
    path = write(tmp_path / "k", config(exec_user("sleep", "60")))
    with pytest.raises(ConfigError, match="plugin sleep: no answer in 0 s"):
        await Kubeconfig([path], None).load()


@pytest.fixture
def first_process() -> Iterator[None]:
    """As PID 1 of a container, what a child leaves behind becomes ours."""
    libc, set_child_subreaper = ctypes.CDLL(None), 36
    assert libc.prctl(set_child_subreaper, 1, 0, 0, 0) == 0
    yield
    assert libc.prctl(set_child_subreaper, 0, 0, 0, 0) == 0


@pytest.mark.usefixtures("first_process")
@pytest.mark.parametrize("holds", ["", ">&- 2>&-"], ids=["holds its output", "holds nothing"])
async def test_what_a_plugin_leaves_behind_is_ended_and_no_zombie_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, holds: str
) -> None:
    monkeypatch.setattr(plugin_module, "TIMEOUT", 1.0)
    file = tmp_path / "pid"
    reply = json.dumps({"kind": "ExecCredential", "status": {"token": "t"}})
    script = f"sleep 600 {holds} & echo $! > {file}; echo '{reply}'"
    source = Kubeconfig([write(tmp_path / "k", config(exec_user("sh", "-c", script)))], None)
    if holds:
        assert await token(source) == "Bearer t"
    else:
        with pytest.raises(ConfigError, match="plugin sh: no answer in 1 s"):
            await source.load()
    assert not Path("/proc", file.read_text().strip()).exists()


# -- in a pod


@pytest.fixture
def service_account(tmp_path: Path) -> InCluster:
    environ = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}
    write(tmp_path / "token", f"{TOKEN}\n")
    write(tmp_path / "ca.crt", "CERTIFICATE")
    return InCluster(str(tmp_path / "token"), str(tmp_path / "ca.crt"), environ)


async def test_a_pod_uses_its_service_account(service_account: InCluster) -> None:
    configuration = await service_account.load()
    assert configuration.host == "https://[fd00::1]:443"
    assert service_account.tls.authorities == b"CERTIFICATE"
    assert await token(service_account) == f"bearer {TOKEN}"


async def test_a_rotated_service_account_is_stale(
    service_account: InCluster, tmp_path: Path
) -> None:
    await service_account.load()
    assert not service_account.stale()
    os.replace(write(tmp_path / "new", "another"), tmp_path / "token")  # noqa: PTH105 - as kubelet
    assert service_account.stale()
    assert await token(service_account) == "bearer another"
    assert not service_account.stale()


async def test_an_empty_token_stays_stale_until_there_is_one(
    service_account: InCluster, tmp_path: Path
) -> None:
    await service_account.load()
    write(tmp_path / "token", "")
    with pytest.raises(ConfigError, match="service account of this pod: Token file exists but"):
        await service_account.load()
    assert service_account.stale()


async def test_a_pod_without_its_service_account_is_an_error(
    service_account: InCluster, tmp_path: Path
) -> None:
    (tmp_path / "token").unlink()
    with pytest.raises(ConfigError, match="service account of this pod: Service token file does"):
        await service_account.load()


async def test_the_first_file_that_names_a_current_context_wins(tmp_path: Path) -> None:
    first = write(tmp_path / "first", config(cluster={"server": "http://first"}, name="first"))
    second = write(tmp_path / "second", config(cluster={"server": "http://second"}, name="second"))
    third = write(tmp_path / "third", {"current-context": "", "users": None})
    for files in ([first, second], [third, first, second], [first, second, third]):
        assert (await Kubeconfig(files, None).load()).host == "http://first"
    assert (await Kubeconfig([first, second], "second").load()).host == "http://second"


async def test_of_two_entries_with_one_name_the_first_wins(tmp_path: Path) -> None:
    first = write(tmp_path / "first", config(cluster={"server": "http://first"}))
    second = write(tmp_path / "second", config(cluster={"server": "http://second"}))
    assert (await Kubeconfig([first, second], None).load()).host == "http://first"


async def test_paths_are_relative_to_their_own_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
    for name in ("one/ca.crt", "two/client.crt", "two/client.key"):
        (tmp_path / name).write_text(name)
    user = {"client-certificate": "client.crt", "client-key": "./client.key"}
    whole = config(user, {"server": "https://x", "certificate-authority": "ca.crt"})
    one = write(tmp_path / "one" / "config", whole | {"users": []})
    two = write(tmp_path / "two" / "config", whole | {"clusters": []})
    monkeypatch.chdir("/")
    source = Kubeconfig([one, two], None)
    await source.load()
    assert source.tls.authorities == b"one/ca.crt"
    assert source.tls.certificate == b"two/client.crt"
    assert source.tls.key == b"two/client.key"


async def test_a_plugins_command_with_a_slash_is_relative_to_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    script = write(tmp_path / "bin" / "token.sh", "#!/bin/sh\n")
    script.write_text(
        """#!/bin/sh
printf '{"kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1",'
printf ' "status": {"token": "of-the-plugin"}}'
"""
    )
    script.chmod(0o700)
    path = write(tmp_path / "kubeconfig", config(exec_user("./bin/token.sh")))
    monkeypatch.chdir("/")
    found = await Kubeconfig([path], None).load()
    assert found.api_key["BearerToken"] == "Bearer of-the-plugin"


async def test_a_plugin_that_asks_for_the_cluster_is_given_it(tmp_path: Path) -> None:
    info = tmp_path / "info.json"
    script = write(
        tmp_path / "plugin.sh",
        f"""printf '%s' "$KUBERNETES_EXEC_INFO" > {info}
printf '{{"kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1",'
printf ' "status": {{"token": "t"}}}}'
""",
    )
    user = exec_user("sh", str(script))
    user["exec"]["provideClusterInfo"] = True
    (tmp_path / "ca.crt").write_text("authority")
    cluster = {
        "server": "http://shoot",
        "certificate-authority": "ca.crt",
        "tls-server-name": "api",
        "extensions": [
            {"name": "client.authentication.k8s.io/exec", "extension": {"audience": "shoot-1"}},
            {"name": "other", "extension": {}},
        ],
    }
    await Kubeconfig([write(tmp_path / "k", config(user, cluster))], None).load()
    assert json.loads(info.read_text())["spec"] == {
        "interactive": False,
        "cluster": {
            "server": "http://shoot",
            "certificate-authority-data": base64.b64encode(b"authority").decode(),
            "tls-server-name": "api",
            "config": {"audience": "shoot-1"},
        },
    }


async def test_a_plugin_that_is_missing_or_needs_a_terminal_says_so(tmp_path: Path) -> None:
    user = exec_user("no-such-plugin")
    user["exec"]["installHint"] = "Get it from\nthe shop."
    path = write(tmp_path / "k", config(user))
    with pytest.raises(ConfigError, match=r"is not installed: Get it from the shop\."):
        await Kubeconfig([path], None).load()
    user["exec"]["interactiveMode"] = "Always"
    with pytest.raises(ConfigError, match="no-such-plugin needs a terminal"):
        await Kubeconfig([write(path, config(user))], None).load()


async def test_a_user_who_acts_as_another_says_so_in_every_request(
    server: ApiServer, opened: Opened, tmp_path: Path
) -> None:
    user = {
        "token": "t",
        "as": "jane",
        "as-groups": ["archive", "system:authenticated"],
        "as-uid": "7",
        "as-user-extra": {"Scopes/x": ["view", "list"]},
    }
    path = write(tmp_path / "k", config(user, {"server": server.url}))
    connection = await opened(path)
    async with connection.get("/apis/btrix.cloud/v1/crawljobs", {}, idle=5) as reply:
        await reply.read()
    headers = server.requests[-1].headers
    assert headers["Impersonate-User"] == "jane"
    assert headers.getall("Impersonate-Group") == ["archive", "system:authenticated"]
    assert headers["Impersonate-Uid"] == "7"
    assert headers.getall("Impersonate-Extra-scopes%2Fx") == ["view", "list"]
