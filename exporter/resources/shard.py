"""Which share of all objects is this exporter's, where several divide them between themselves.

An object belongs to a shard by its uid, of which it is the hash that counts: so the shares are
alike, each object is in one of them, and no exporter needs to know of another. The hash and the
ranges are those of Kubernetes' own sharded list and watch (1.36), so that an API server which has
it, and an exporter which asks one that has not, divide alike.
Source: Kubernetes API concepts, "Sharded list and watch"; FNV-1a with 64 bits.
"""

from dataclasses import dataclass
from typing import Final

_OFFSET: Final = 0xCBF29CE484222325
_PRIME: Final = 0x100000001B3
_HASHES: Final = 2**64


def fnv1a(text: str) -> int:
    """The hash of a text, from 0 to 2**64 - 1."""
    found = _OFFSET
    for byte in text.encode():
        found = (found ^ byte) * _PRIME % _HASHES
    return found


@dataclass(frozen=True, slots=True)
class Shard:
    """One of ``total`` shares, counted from 0; of one alone, which is everything, by default."""

    index: int = 0
    total: int = 1

    @property
    def is_everything(self) -> bool:
        """Whether there is no other share."""
        return self.total == 1

    @property
    def is_first(self) -> bool:
        """Whether it serves what is no crawl's, which one alone has to."""
        return self.index == 0

    def __str__(self) -> str:
        """Return ``0/2``; empty where it is everything."""
        return "" if self.is_everything else f"{self.index}/{self.total}"

    @property
    def start(self) -> int:
        """The first hash of its range."""
        return _HASHES * self.index // self.total

    @property
    def end(self) -> int:
        """The first hash beyond its range."""
        return _HASHES * (self.index + 1) // self.total

    def owns(self, uid: str) -> bool:
        """Whether the object with this uid is in the share."""
        return self.is_everything or self.start <= fnv1a(uid) < self.end

    @property
    def selector(self) -> str:
        """What an API server that shards is asked for; empty where it is everything."""
        if self.is_everything:
            return ""
        return f"shardRange(object.metadata.uid, '0x{self.start:016x}', '0x{self.end:016x}')"


EVERYTHING: Final = Shard()
