"""Reloading: what has changed is in force at once, unless it cannot be used."""

import logging
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.metrics import Reloads
from exporter.web.config.file import WebConfigFile
from exporter.web.config.model import WebConfigError
from support.certificates import certificate, needs_openssl
from support.web_configs import Certificates, hashed, write_web_config

pytestmark = needs_openssl


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def users(*names: str) -> dict[str, Any]:
    return {"basic_auth_users": {name: hashed() for name in names}}


def names(file: WebConfigFile) -> list[str]:
    return list(file.in_force().config.users)


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.error for one in caplog.records if one.levelno == logging.ERROR]  # type: ignore[attr-defined]


def test_a_change_is_in_force_at_the_next_look(tmp_path: Path) -> None:
    clock = Clock()
    path = write_web_config(tmp_path / "web.yml", users("alice"))
    file = WebConfigFile(path, clock=clock)
    assert names(file) == ["alice"]
    assert file.reloads == Reloads(successful=True, last_success=1000.0)
    clock.now = 2000.0
    write_web_config(path, users("alice", "bob"))
    assert names(file) == ["alice", "bob"]
    assert file.reloads == Reloads(successful=True, last_success=2000.0)


def test_nothing_is_read_again_that_has_not_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = WebConfigFile(write_web_config(tmp_path / "web.yml", users("alice")))
    monkeypatch.setattr(WebConfigFile, "_reload", lambda _: pytest.fail("read again"))
    assert file.in_force() is file.in_force()


@pytest.mark.parametrize("broken", ["users: {}\n", "{", "basic_auth_users: {bob: x}\n", None])
def test_a_broken_file_leaves_the_old_one_in_force_and_is_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, broken: str | None
) -> None:
    clock = Clock()
    path = write_web_config(tmp_path / "web.yml", users("alice"))
    file = WebConfigFile(path, clock=clock)
    clock.now = 2000.0
    path.unlink() if broken is None else path.write_text(broken)
    for _ in range(3):
        assert names(file) == ["alice"]
    assert file.reloads == Reloads(successful=False, last_success=1000.0)
    (error,) = errors(caplog)
    assert error.startswith(str(path))
    write_web_config(path, users("bob"))
    assert names(file) == ["bob"]
    assert file.reloads == Reloads(successful=True, last_success=2000.0)
    assert len(errors(caplog)) == 1


def test_what_is_remembered_of_passwords_and_rate_outlives_other_changes(tmp_path: Path) -> None:
    content = users("alice") | {"rate_limit": {"interval": "1h", "burst": 1}}
    path = write_web_config(tmp_path / "web.yml", content)
    file = WebConfigFile(path)
    before = file.in_force()
    write_web_config(
        path, content | {"http_server_config": {"headers": {"X-Frame-Options": "deny"}}}
    )
    after = file.in_force()
    assert after.config.headers == {"X-Frame-Options": "deny"}
    assert (after.users, after.bucket) == (before.users, before.bucket)
    write_web_config(path, users("bob") | {"rate_limit": {"interval": "1h", "burst": 2}})
    last = file.in_force()
    assert last.users is not before.users
    assert last.bucket is not before.bucket


def test_tls_is_not_switched_while_it_runs(
    certificates: Certificates, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plain, secure = users("alice"), certificates.server_config()
    for first, second in ((plain, secure), (secure, plain)):
        path = write_web_config(tmp_path / "web.yml", first)
        file = WebConfigFile(path)
        write_web_config(path, second)
        assert (file.in_force().tls is None) == (first is plain)
        assert not file.reloads.successful
    assert ["by a restart alone" in error for error in errors(caplog)] == [True, True]


def secret(volume: Path, revision: int, files: dict[str, bytes]) -> None:
    """As the kubelet writes a Secret: a new directory, and ``..data`` swapped to it at once."""
    folder = volume / f"..{revision}"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
        if not (volume / name).is_symlink():
            (volume / name).symlink_to(Path("..data") / name)
    (volume / "..next").symlink_to(folder.name)
    os.replace(volume / "..next", volume / "..data")  # noqa: PTH105 - as the kubelet does


def test_a_certificate_renewed_in_a_secret_s_volume_is_taken(
    certificates: Certificates, tmp_path: Path
) -> None:
    def files(folder: Path, name: str) -> dict[str, bytes]:
        return {
            "tls.crt": (folder / f"{name}.crt").read_bytes(),
            "tls.key": (folder / f"{name}.key").read_bytes(),
        }

    volume = tmp_path / "volume"
    volume.mkdir()
    secret(volume, 1, files(certificates.folder, "server"))
    content = {"tls_server_config": {"cert_file": "volume/tls.crt", "key_file": "volume/tls.key"}}
    file = WebConfigFile(write_web_config(tmp_path / "web.yml", content))
    before = file.in_force().tls
    assert file.in_force().tls is before
    certificate(tmp_path, "renewed")
    secret(volume, 2, files(tmp_path, "renewed"))
    assert file.in_force().tls is not before
    assert file.reloads.successful


def test_a_certificate_whose_key_is_not_there_yet_is_taken_once_it_is(
    certificates: Certificates, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for kind in ("crt", "key"):
        (tmp_path / f"tls.{kind}").write_bytes(
            (certificates.folder / f"server.{kind}").read_bytes()
        )
    content = {"tls_server_config": {"cert_file": "tls.crt", "key_file": "tls.key"}}
    file = WebConfigFile(write_web_config(tmp_path / "web.yml", content))
    before = file.in_force().tls
    (tmp_path / "tls.crt").write_bytes((certificates.folder / "stranger.crt").read_bytes())
    assert file.in_force().tls is before
    assert not file.reloads.successful
    assert "key values mismatch" in errors(caplog)[0]
    (tmp_path / "tls.key").write_bytes((certificates.folder / "stranger.key").read_bytes())
    assert file.in_force().tls is not before
    assert file.reloads.successful


def test_a_file_that_was_not_there_is_looked_for(
    certificates: Certificates, tmp_path: Path
) -> None:
    path = write_web_config(tmp_path / "web.yml", certificates.server_config())
    file = WebConfigFile(path)
    write_web_config(
        path,
        certificates.server_config()
        | {
            "tls_server_config": {
                "cert_file": "late.crt",
                "key_file": str(certificates.folder / "server.key"),
            }
        },
    )
    file.in_force()
    assert not file.reloads.successful
    (tmp_path / "late.crt").write_bytes((certificates.folder / "server.crt").read_bytes())
    file.in_force()
    assert file.reloads.successful


def test_what_does_nothing_is_said(
    certificates: Certificates, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def said(content: dict[str, Any]) -> list[str]:
        caplog.clear()
        WebConfigFile(write_web_config(tmp_path / "web.yml", content)).log_what_does_nothing()
        return [one.getMessage().partition(" ")[0] for one in caplog.records]

    assert said({}) == []
    assert said(certificates.mutual()) == []
    assert said({"http_server_config": {"http2": True}}) == ["http2"]
    assert said(certificates.server_config(client_auth_type="RequestClientCert")) == [
        "RequestClientCert"
    ]
    assert said(certificates.mutual() | {"http_server_config": {"http2": False}}) == ["http2"]
    any_of = yaml.safe_load(yaml.safe_dump(certificates.mutual()))
    any_of["tls_server_config"]["client_auth_type"] = "RequireAnyClientCert"
    assert said(any_of) == ["RequireAnyClientCert"]
    system = certificates.server_config(client_auth_type="VerifyClientCertIfGiven")
    assert said(system) == ["client"]


def test_what_cannot_be_used_at_the_start_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(WebConfigError):
        WebConfigFile(tmp_path / "none.yml")
