"""People who do not exist, and what Browsertrix says of them: nobody may pass any of it on.

Whatever is said of them has one of ``MARKS`` in it, so that a test can search all that comes out of
the exporter for them.
"""

from typing import Any, Final

from exporter.simulator.browsertrix.seeded_random import random_uuid, seeded

MARKS: Final = ("fake-person", "Fake Person")
"""One of them is in each name, address, note and description."""
_NAMES: Final = ("Ada", "Bo", "Cleo", "Dag", "Eve")


class Person:
    """One of them, by number."""

    def __init__(self, number: int) -> None:
        first = _NAMES[number % len(_NAMES)]
        self.id = random_uuid(seeded("person", number))
        self.name = f"Fake Person {first} {number}"
        self.email = f"{first.lower()}.{number}@fake-person.invalid"

    def as_user(self, role: int = 40) -> dict[str, Any]:
        """An entry in an organisation's ``users``."""
        return {"role": role, "name": self.name, "email": self.email}


PEOPLE: Final = tuple(Person(number) for number in range(20))


def someone(key: str) -> Person:
    """The same person for the same key."""
    return seeded("someone", key).choice(PEOPLE)


def subscription(key: str) -> dict[str, Any]:
    """A subscription, which names who pays."""
    return {
        "subId": f"fake-person-subscription-{key[:8]}",
        "status": "active",
        "planId": "fake-person-plan",
        "futureCancelDate": None,
        "readOnlyOnCancel": False,
    }


def webhooks(key: str) -> dict[str, Any]:
    """Addresses with a secret in each."""
    base = f"https://hooks.fake-person.invalid/{key[:8]}?secret=fake-person-secret"
    return {"crawlStarted": base, "crawlFinished": base, "crawlDeleted": None}
