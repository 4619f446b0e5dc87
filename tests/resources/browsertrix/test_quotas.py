"""Browsertrix's own rules for storage and minutes that are up, on the cases it tests as well."""

from typing import Any

import pytest

from exporter.resources.browsertrix import Organisation
from exporter.resources.browsertrix.quotas import (
    exec_minutes_quota_reached,
    month_before,
    month_of,
    storage_quota_reached,
)
from support.browsertrix_items import organisation_item

JANUARY = "2026-01"
FIRST_OF_FEBRUARY = 1769904000.0


def org(monthly: Any = None, gifted: Any = None, extra: Any = None, **more: Any) -> Organisation:
    """Each quota as minutes given, and minutes used of the month or left of the others."""
    quotas = {"storageQuota": 0}
    item: dict[str, Any] = {"monthlyExecSeconds": {}, "quotas": quotas}
    if monthly is not None:
        quotas["maxExecMinutesPerMonth"] = monthly[0]
        item["monthlyExecSeconds"] = {JANUARY: monthly[1] * 60}
    else:
        quotas["maxExecMinutesPerMonth"] = 0
    for name, given in (("gifted", gifted), ("extra", extra)):
        quotas[f"{name}ExecMinutes"], left = given or (0, 0)
        item[f"{name}ExecSecondsAvailable"] = left * 60
    found, problems = Organisation.parse(organisation_item(**item | more))
    assert problems == ()
    return found


@pytest.mark.parametrize(
    ("quotas", "reached"),
    [
        ({}, False),
        ({"gifted": (2, 2)}, False),
        ({"gifted": (2, 1)}, False),
        ({"gifted": (2, 0)}, True),
        ({"extra": (2, 2)}, False),
        ({"extra": (2, 0)}, True),
        ({"extra": (2, 2), "gifted": (1, 0)}, False),
        ({"extra": (2, 0), "gifted": (1, 1)}, False),
        ({"extra": (2, 0), "gifted": (1, 0)}, True),
        ({"monthly": (10, 5)}, False),
        ({"monthly": (10, 10)}, True),
        ({"monthly": (10, 11)}, True),  # the quota was lowered meanwhile
        ({"monthly": (10, 10), "extra": (2, 2)}, False),
        ({"monthly": (10, 5), "extra": (2, 0)}, False),
        ({"monthly": (10, 10), "extra": (2, 0)}, True),
        ({"monthly": (10, 10), "extra": (2, 0), "gifted": (5, 3)}, False),
        ({"monthly": (10, 9), "extra": (2, 0), "gifted": (5, 0)}, False),
        ({"monthly": (10, 10), "extra": (2, 0), "gifted": (5, 0)}, True),
        ({"monthly": (10, 10), "gifted": (0, 5)}, True),  # left of a quota that was taken away
        ({"monthly": (0, 10)}, False),  # the quota was removed in mid-month
    ],
)
def test_minutes_are_up_as_browsertrix_says(quotas: dict[str, Any], reached: bool) -> None:
    assert exec_minutes_quota_reached(org(**quotas), JANUARY) is reached


@pytest.mark.parametrize(("seconds", "reached"), [(599, False), (600, True), (601, True)])
def test_the_whole_minutes_of_the_month_are_compared(seconds: int, reached: bool) -> None:
    found = org(monthly=(10, 0), monthlyExecSeconds={JANUARY: seconds})
    assert exec_minutes_quota_reached(found, JANUARY) is reached


def test_a_new_month_has_its_minutes_again() -> None:
    found = org(monthly=(10, 10))
    assert exec_minutes_quota_reached(found, month_of(FIRST_OF_FEBRUARY - 1)) is True
    assert exec_minutes_quota_reached(found, month_of(FIRST_OF_FEBRUARY)) is False


def test_months_are_those_of_utc() -> None:
    assert month_of(FIRST_OF_FEBRUARY - 0.001) == "2026-01"
    assert month_of(FIRST_OF_FEBRUARY) == "2026-02"
    assert month_before("2026-02") == "2026-01"
    assert month_before("2026-01") == "2025-12"


@pytest.mark.parametrize(
    ("quota", "stored", "reached"),
    [(0, 99999, False), (100, 99, False), (100, 100, True), (100, 120, True)],
)
def test_storage_is_up_as_browsertrix_says(quota: int, stored: int, reached: bool) -> None:
    found = org(quotas={"storageQuota": quota}, bytesStored=stored)
    assert storage_quota_reached(found) is reached


def test_what_is_unknown_is_neither_reached_nor_not() -> None:
    unknown, _ = Organisation.parse({"id": "x"})
    assert storage_quota_reached(unknown) is None
    assert exec_minutes_quota_reached(unknown, JANUARY) is None
    damaged, _ = Organisation.parse(organisation_item(monthlyExecSeconds="many"))
    assert exec_minutes_quota_reached(damaged, JANUARY) is None
    damaged, _ = Organisation.parse(organisation_item(bytesStored="many"))
    assert storage_quota_reached(damaged) is None


def test_minutes_that_are_left_decide_whatever_else_is_unknown() -> None:
    quotas = {"maxExecMinutesPerMonth": "many", "giftedExecMinutes": 5, "extraExecMinutes": 0}
    item = organisation_item(quotas=quotas, giftedExecSecondsAvailable=60)
    assert exec_minutes_quota_reached(Organisation.parse(item)[0], JANUARY) is False
