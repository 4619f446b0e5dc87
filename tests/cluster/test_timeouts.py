"""How long a connection, a credential plugin and a read are waited for, in virtual time."""

import asyncio
import socket
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from exporter.cluster import exec_plugin
from exporter.cluster.client import ApiClient, RequestError
from exporter.cluster.coalescing import ReadCoalescing
from exporter.cluster.credentials import ConfigError, Kubeconfig
from exporter.cluster.exec_plugin import Credential
from support.kubeconfigs import config, exec_user, write
from support.virtual_time import in_virtual_time, now


async def hang(*_: Any, **__: Any) -> Any:
    await asyncio.sleep(1e6)


@in_virtual_time
async def test_a_connection_is_waited_for_ten_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "k", config({"token": "t"}, {"server": "http://127.0.0.1:1"}))
    client = await ApiClient.open(path)
    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", hang)
    with pytest.raises(RequestError) as caught:
        async with client.get("/", {}, idle=90.0):
            pass
    assert caught.value.reason == "unreachable"
    assert now() == pytest.approx(10.0, abs=0.01)
    await client.close()


@in_virtual_time
async def test_a_plugin_is_waited_for_a_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[float] = []

    async def start(*_: Any, **__: Any) -> Any:
        return SimpleNamespace(communicate=hang)

    async def end(_: Any) -> None:
        ended.append(now())

    monkeypatch.setattr(asyncio, "create_subprocess_exec", start)
    monkeypatch.setattr(exec_plugin, "_end", end)
    source = Kubeconfig([write(tmp_path / "k", config(exec_user("sleep", "inf")))], None)
    with pytest.raises(ConfigError, match="plugin sleep: no answer in 60 s"):
        await source.load()
    assert ended == [60.0]


@pytest.mark.parametrize(
    ("life", "renewed"), [(0, 0), (5, 4), (200, 160), (300, 240), (305, 245), (3600, 3540)]
)
def test_a_plugin_is_asked_again_a_minute_or_a_fifth_of_its_life_before_its_credential_expires(
    life: int, renewed: int
) -> None:
    started = 1_700_000_000.0
    expires = datetime.fromtimestamp(started + life, UTC).isoformat()
    status = {"token": "t", "expirationTimestamp": expires}
    assert Credential.read({"status": status}, started).renew_after == renewed
    assert Credential.read({"status": status}, started + 7200.0).renew_after == 0.0


@pytest.mark.skipif(sys.platform != "linux", reason="SO_RCVLOWAT is set on Linux alone")
@in_virtual_time
async def test_what_comes_gathers_for_a_quarter_of_a_second_or_up_to_half_a_mebibyte() -> None:
    marks: list[tuple[float, int]] = []

    def setsockopt(level: int, option: int, value: int) -> None:
        assert (level, option) == (socket.SOL_SOCKET, socket.SO_RCVLOWAT)
        marks.append((now(), value))

    transport = SimpleNamespace(get_extra_info=lambda _: SimpleNamespace(setsockopt=setsockopt))
    coalescing = ReadCoalescing(cast("asyncio.BaseTransport", transport))
    coalescing.after_read()
    await asyncio.sleep(0.125)
    coalescing.after_read()
    await asyncio.sleep(1.0)
    assert marks == [(0.0, 512 * 1024), (0.125, 512 * 1024), (0.375, 1)]
