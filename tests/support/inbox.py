"""What a webhook of Alertmanager received."""

import time
from collections import Counter

from exporter.commands.demo.receiver import Notification
from support.waiting import PROCESS_TIMEOUT, until

Identity = tuple[str, ...]


class Inbox:
    """All notifications as they came, known by some labels; a missing one is empty."""

    def __init__(self, *labels: str) -> None:
        self.notifications: list[Notification] = []
        self.at: dict[Identity, float] = {}
        """When each came first, in seconds since 1970."""
        self._labels = labels

    def take(self, notification: Notification) -> None:
        self.notifications.append(notification)
        self.at.setdefault(self.identity(notification), time.time())

    def identity(self, notification: Notification) -> Identity:
        """The values of the labels."""
        return tuple(notification.labels.get(label, "") for label in self._labels)

    @property
    def counts(self) -> Counter[Identity]:
        """How often each came."""
        return Counter(map(self.identity, self.notifications))

    async def first(self, *values: str) -> float:
        """Wait for the first notification of these; its time in seconds since 1970."""
        await until(lambda: values in self.at, within=PROCESS_TIMEOUT)
        return self.at[values]
