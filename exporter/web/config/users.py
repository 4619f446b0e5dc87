"""Who may come in by a password: checked by bcrypt beside the event loop, one at a time.

As the exporter-toolkit does it: what a check said is remembered, and a name that does not exist
costs the same check as one that does. Beyond it: neither passwords nor their hashes are kept in
memory, guesses do not push out who is right, and a name that does not exist is checked against a
hash of the configuration, so that it takes as long whatever cost these have.
"""

import asyncio
import base64
import binascii
import hashlib
import secrets
from collections.abc import Callable, Mapping
from typing import Final

MOST: Final = 100
"""Results that are remembered, of those accepted and of those refused; as the exporter-toolkit."""

_LONGEST: Final = 72
"""Bytes of a password that bcrypt looks at; Go leaves out the rest, the library refuses it."""

Check = Callable[[bytes, bytes], bool]
"""Whether a password is that of a hash; slow, and without the interpreter's lock."""


def bcrypt_check(password: bytes, hashed: bytes) -> bool:
    """The library's; loaded when there are users."""
    import bcrypt  # noqa: PLC0415 - most have none

    return bcrypt.checkpw(password, hashed)


class Users:
    """The users of one configuration."""

    def __init__(self, hashes: Mapping[str, str], check: Check = bcrypt_check) -> None:
        """``hashes`` by name, one at least."""
        self._hashes = {name.encode(): text.encode() for name, text in hashes.items()}
        self._decoys = sorted(self._hashes.values())
        self._check = check
        self._secret = secrets.token_bytes(32)
        self._accepted: set[bytes] = set()
        self._refused: set[bytes] = set()
        self._turn = asyncio.Lock()

    async def admit(self, authorization: str | None, is_waiting: Callable[[], bool]) -> bool:
        """Whether the header names a user with its password.

        Once it is its turn, who is not ``is_waiting`` any more costs no check.
        """
        given = _credentials(authorization)
        if given is None:
            return False
        name, password = given
        hashed = self._hashes.get(name)
        # Which decoy follows from the name, so that it takes as long each time.
        digest = self._digest(name)
        decoy = self._decoys[int.from_bytes(digest[:8], "big") % len(self._decoys)]
        key = self._digest(name, hashed or decoy, password)
        if (known := self._known(key)) is not None:
            return known
        async with self._turn:
            if (known := self._known(key)) is not None:
                return known
            if not is_waiting():
                return False
            matches = await asyncio.to_thread(self._check, password[:_LONGEST], hashed or decoy)
            admitted = matches and hashed is not None
            _remember(self._accepted if admitted else self._refused, key)
            return admitted

    def _known(self, key: bytes) -> bool | None:
        if key in self._accepted:
            return True
        return False if key in self._refused else None

    def _digest(self, *parts: bytes) -> bytes:
        """Of nothing but these, whoever chose where one ends; of no use without our secret."""
        digest = hashlib.blake2b(key=self._secret, digest_size=32)
        for part in parts:
            digest.update(len(part).to_bytes(8, "big"))
            digest.update(part)
        return digest.digest()


def _remember(results: set[bytes], key: bytes) -> None:
    if len(results) >= MOST:
        # At random, or somebody could choose who is forgotten; some at once, as the toolkit.
        for one in secrets.SystemRandom().sample(sorted(results), MOST // 10):
            results.discard(one)
    results.add(key)


def _credentials(authorization: str | None) -> tuple[bytes, bytes] | None:
    """Name and password of basic authentication (RFC 7617); None where the header has none."""
    scheme, _, encoded = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, password = base64.b64decode(encoded, validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return None
    return (name, password) if colon else None
