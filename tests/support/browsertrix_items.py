"""Items of Browsertrix's API as it sends them, with all of people that comes along, and damaged."""

import copy
from typing import Any, Final

from hypothesis import strategies as st

from support.factories import replaced
from support.strategies import hostile_json

OID: Final = "4c7a8b12-0000-4000-8000-000000000001"
CID: Final = "9d1e2f34-0000-4000-8000-000000000002"

PEOPLE: Final = ("Ada Lovelace", "ada@example.org", "hunter2", "ask ada before", "+44 20 7946")
"""Must never be seen again."""
_NAME, _ADDRESS, _SECRET, _NOTE, _PHONE = PEOPLE


def organisation_item(**more: Any) -> dict[str, Any]:
    """Build one of ``GET /api/orgs``; ``more`` replaces or adds keys."""
    return {
        "id": OID,
        "name": "Library of X",
        "slug": "library-of-x",
        "users": {"u1": {"name": _NAME, "email": _ADDRESS, "role": 40}},
        "created": "2024-01-01T00:00:00Z",
        "default": False,
        "bytesStored": 920,
        "bytesStoredCrawls": 800,
        "bytesStoredUploads": 100,
        "bytesStoredProfiles": 20,
        "storageQuotaReached": False,
        "execMinutesQuotaReached": False,
        "usage": {"2026-01": 5000},
        "crawlExecSeconds": {"2025-12": 7200, "2026-01": 3700},
        "monthlyExecSeconds": {"2025-12": 6000, "2026-01": 3000},
        "extraExecSeconds": {},
        "giftedExecSeconds": {},
        "extraExecSecondsAvailable": 0,
        "giftedExecSecondsAvailable": 0,
        "quotas": {
            "storageQuota": 1000,
            "maxExecMinutesPerMonth": 100,
            "maxConcurrentCrawls": 2,
            "maxPagesPerCrawl": 0,
            "extraExecMinutes": 0,
            "giftedExecMinutes": 0,
        },
        "quotaUpdates": [{"modified": "2025-01-01T00:00:00Z", "context": _NOTE}],
        "webhookUrls": {"crawlStarted": f"https://x:{_SECRET}@example.org/"},
        "readOnly": False,
        "readOnlyReason": _NOTE,
        "subscription": {"subId": _SECRET, "planId": "p", "email": _ADDRESS},
        "lastCrawlFinished": "2026-01-14T08:00:00Z",
        "publicDescription": _PHONE,
        "note": _NOTE,
        **more,
    }


def workflow_item(**more: Any) -> dict[str, Any]:
    """Build one of ``GET /api/orgs/{oid}/crawlconfigs``: it ran, well, and has no schedule."""
    return {
        "id": CID,
        "oid": OID,
        "name": "News daily",
        "description": _NOTE,
        "firstSeed": f"https://ada:{_SECRET}@news.example.org/start?token={_SECRET}#{_SECRET}",
        "schedule": "",
        "created": "2025-01-01T00:00:00Z",
        "createdBy": "u1",
        "createdByName": _NAME,
        "modified": "2025-02-01T00:00:00Z",
        "modifiedByName": _NAME,
        "lastStartedByName": _NAME,
        "isCrawlRunning": False,
        "lastRun": "2026-01-14T09:00:00Z",
        "lastCrawlId": "manual-1",
        "lastCrawlStartTime": "2026-01-14T08:00:00Z",
        "lastCrawlTime": "2026-01-14T09:00:00Z",
        "lastCrawlState": "complete",
        "lastCrawlSize": 5000,
        "lastCrawlStats": {"found": 12, "done": 10, "size": 5000},
        "crawlCount": 5,
        "crawlSuccessfulCount": 4,
        "crawlAttemptCount": 6,
        "totalSize": 25000,
        "tags": [_NAME],
        **more,
    }


def job_item(**more: Any) -> dict[str, Any]:
    """Build one of ``GET /api/orgs/all/jobs``: a replica that is being made."""
    return {
        "id": "job-1",
        "type": "create-replica",
        "oid": OID,
        "success": None,
        "started": "2026-01-14T08:00:00Z",
        "finished": None,
        "file_path": f"{_SECRET}.wacz",
        "previousAttempts": None,
        **more,
    }


_HOSTILE: Final = hostile_json()


@st.composite
def mutated_items(draw: st.DrawFn, item: dict[str, Any]) -> dict[str, Any]:
    """The item with any JSON at all at a few places, but for its id."""
    found = copy.deepcopy(item)
    places: list[tuple[str, ...]] = [(key,) for key in item if key != "id"]
    places += [
        (key, inner) for key, value in item.items() if isinstance(value, dict) for inner in value
    ]
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.sampled_from(places))
        if len(place) == 1 or isinstance(found.get(place[0]), dict):
            found = replaced(found, place, draw(_HOSTILE))
    return found
