"""Random values that a seed repeats."""

import random
import uuid


def seeded(*parts: object) -> random.Random:
    """Random numbers that depend on these parts alone."""
    return random.Random("/".join(map(str, parts)))  # noqa: S311 - to be repeated, not secret


def random_uuid(rng: random.Random) -> str:
    """A version 4 UUID."""
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))
