"""Which pause limit is in force, and who is told when it changes."""

import pytest

from exporter.crawls import PauseLimit
from exporter.resources.browsertrix import ServerSettings

DAY = 86400.0


def said(minutes: object) -> dict[str, ServerSettings]:
    return {"settings": ServerSettings.parse({"pausedExpiryMinutes": minutes})[0]}


def test_it_is_browsertrixs_default_until_browsertrix_says_another() -> None:
    limit = PauseLimit()
    changes: list[float] = []
    limit.listeners.append(lambda: changes.append(limit.seconds))
    assert (limit.seconds, limit.differs) == (7 * DAY, None)

    limit.on_polled(said(1440), 1.0)
    limit.on_polled(said(1440), 2.0)
    assert (limit.seconds, limit.differs) == (DAY, False)
    limit.on_polled(said(2880), 3.0)

    assert changes == [DAY, 2 * DAY]


def test_what_browsertrix_said_last_stays_when_it_is_not_asked_any_more() -> None:
    limit = PauseLimit()
    limit.on_polled(said(1440), 1.0)
    limit.on_unknown()

    assert (limit.seconds, limit.differs) == (DAY, None)


@pytest.mark.parametrize("odd", [None, 0, "soon", -5])
def test_what_is_no_limit_changes_nothing(odd: object) -> None:
    limit = PauseLimit()
    limit.on_polled(said(1440), 1.0)
    limit.on_polled(said(odd), 2.0)

    assert (limit.seconds, limit.differs) == (DAY, None)


def test_what_was_given_stands_and_that_it_differs_is_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    limit = PauseLimit(3 * DAY)
    limit.listeners.append(lambda: pytest.fail("nothing has changed"))

    for _ in range(3):
        limit.on_polled(said(1440), 1.0)
    assert (limit.seconds, limit.differs) == (3 * DAY, True)
    assert caplog.messages == ["--pause-limit is not what Browsertrix says; it counts all the same"]

    limit.on_polled(said(3 * 1440), 2.0)
    assert limit.differs is False
