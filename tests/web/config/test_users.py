"""Passwords: how many checks each costs, what is remembered of them, and that nothing waits."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Final

import bcrypt
import pytest

from exporter.web.config.users import MOST, Users
from support.waiting import until
from support.web_configs import PASSWORD, basic, hashed

HASHES: Final = {"alice": hashed(), "bob": hashed("another"), "zoë": hashed("a:b:c")}
UNKNOWN: Final = "nobody"


class Checks:
    """bcrypt, counted."""

    def __init__(self) -> None:
        self.hashes: list[bytes] = []
        self.threads: set[str] = set()
        self.at_once = 0
        self.most_at_once = 0

    def __call__(self, password: bytes, hashed: bytes) -> bool:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.hashes.append(hashed)
        self.threads.add(threading.current_thread().name)
        try:
            return bcrypt.checkpw(password, hashed)
        finally:
            self.at_once -= 1


@pytest.fixture
def checks() -> Checks:
    return Checks()


@pytest.fixture
def login(checks: Checks) -> Callable[..., asyncio.Future[bool]]:
    users = Users(HASHES, checks)
    return lambda name, password: asyncio.ensure_future(
        users.admit(basic(name, password), lambda: True)
    )


Login = Callable[[str, str], asyncio.Future[bool]]


async def test_a_user_is_let_in_by_its_own_password_alone(login: Login) -> None:
    assert await login("alice", PASSWORD)
    assert await login("zoë", "a:b:c")
    assert not await login("bob", PASSWORD)
    assert not await login("alice", "")
    assert not await login("", PASSWORD)
    assert not await login(UNKNOWN, PASSWORD)


@pytest.mark.parametrize(
    "header",
    [
        *(None, "", "Basic", "Basic ", "Basic !", "Bearer abc", "Basic YWxpY2U="),
        *("Basic YWxpY2U6b3BlbnNlc2FtZQ==x", "Basic\tYWxpY2U6b3BlbnNlc2FtZQ==", "Basic ü"),
    ],
)
async def test_a_header_without_name_and_password_costs_no_check(
    header: str | None, checks: Checks
) -> None:
    assert not await Users(HASHES, checks).admit(header, lambda: True)
    assert checks.hashes == []


async def test_the_scheme_s_name_has_no_case(checks: Checks) -> None:
    header = basic("alice", PASSWORD).replace("Basic", "bASIC")
    assert await Users(HASHES, checks).admit(header, lambda: True)


async def test_a_name_that_does_not_exist_costs_as_many_checks_as_one_that_does(
    login: Login, checks: Checks
) -> None:
    for name in ("alice", UNKNOWN):
        before = len(checks.hashes)
        assert not await login(name, "wrong")
        assert not await login(name, "wrong")  # remembered, for either
        assert not await login(name, "wrong again")
        assert len(checks.hashes) == before + 2


async def test_names_that_do_not_exist_are_checked_against_the_same_hashes_as_others(
    login: Login, checks: Checks
) -> None:
    """So that they take as long as others, whatever the cost of the configured hashes is."""
    for number in range(40):
        assert not await login(f"{UNKNOWN}-{number}", "wrong")
    assert set(checks.hashes) == {one.encode() for one in HASHES.values()}
    checks.hashes.clear()
    for number in range(5):
        assert not await login(UNKNOWN, f"wrong-{number}")
    assert len(set(checks.hashes)) == 1, "always the same for one name"


async def test_a_right_password_is_checked_once(login: Login, checks: Checks) -> None:
    for _ in range(3):
        assert await login("alice", PASSWORD)
    assert len(checks.hashes) == 1


async def test_guesses_do_not_push_out_who_is_right(
    monkeypatch: pytest.MonkeyPatch, checks: Checks
) -> None:
    monkeypatch.setattr(bcrypt, "checkpw", lambda given, _: given == PASSWORD.encode())
    users = Users(HASHES, checks)
    assert await users.admit(basic("alice", PASSWORD), lambda: True)
    for number in range(2 * MOST):
        assert not await users.admit(basic("alice", f"guess-{number}"), lambda: True)
    assert len(users._refused) <= MOST
    before = len(checks.hashes)
    assert await users.admit(basic("alice", PASSWORD), lambda: True)
    assert len(checks.hashes) == before


async def test_neither_passwords_nor_names_are_in_what_is_remembered(checks: Checks) -> None:
    users = Users(HASHES, checks)
    await users.admit(basic("alice", PASSWORD), lambda: True)
    await users.admit(basic("alice", "a wrong one"), lambda: True)
    for digest in users._accepted | users._refused:
        assert len(digest) == 32
    text = repr(vars(users))
    assert PASSWORD not in text
    assert "a wrong one" not in text


async def test_no_name_or_password_can_stand_for_another_pair(login: Login) -> None:
    """As CVE-2022-46146: a remembered result is that of one name, hash and password."""
    (hashed_alice,) = (HASHES["alice"],)
    assert not await login(f"alice{hashed_alice}", PASSWORD)
    assert not await login("alice", f"{hashed_alice}{PASSWORD}")
    assert await login("alice", PASSWORD)
    assert not await login("ali", f"ce{PASSWORD}")


async def test_a_password_is_looked_at_as_far_as_bcrypt_does(checks: Checks) -> None:
    long = "x" * 72
    users = Users({"alice": hashed(long)}, checks)
    assert await users.admit(basic("alice", f"{long}tail"), lambda: True)
    assert not await users.admit(basic("alice", "x" * 71), lambda: True)


async def test_a_hundred_logins_at_once_are_checked_one_by_one_beside_the_loop() -> None:
    """Each check waits until the loop has turned: one on the loop would wait for ever."""
    turned = threading.Event()
    loop = asyncio.get_running_loop()
    checks = Checks()
    waits: list[bool] = []

    def check(password: bytes, hashed: bytes) -> bool:
        turned.clear()
        loop.call_soon_threadsafe(turned.set)
        waits.append(turned.wait(10))
        return checks(password, hashed)

    users = Users(HASHES, check)
    found = await asyncio.gather(
        *(users.admit(basic("alice", f"{PASSWORD}{n or ''}"), lambda: True) for n in range(100))
    )
    assert found == [True] + [False] * 99
    assert waits == [True] * 100
    assert checks.most_at_once == 1
    assert threading.main_thread().name not in checks.threads


async def test_the_same_login_many_times_at_once_is_one_check(login: Login, checks: Checks) -> None:
    assert await asyncio.gather(*(login("alice", PASSWORD) for _ in range(50))) == [True] * 50
    assert len(checks.hashes) == 1


async def test_a_client_that_has_left_costs_no_check(checks: Checks) -> None:
    go_on = threading.Event()

    def slow(password: bytes, hashed: bytes) -> bool:
        assert go_on.wait(10)
        return checks(password, hashed)

    users = Users(HASHES, slow)
    first = asyncio.ensure_future(users.admit(basic("alice", PASSWORD), lambda: True))
    left = asyncio.ensure_future(users.admit(basic("bob", "x"), lambda: False))
    await until(users._turn.locked)
    go_on.set()
    assert await first
    assert not await left
    assert len(checks.hashes) == 1


@pytest.mark.slow("starts a process")
def test_bcrypt_is_loaded_where_there_are_users_alone() -> None:
    looks = "import sys, exporter.app, exporter.commands.checks; sys.exit('bcrypt' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", looks], check=False).returncode == 0
