"""The ledger file's layout, and how an older one becomes today's.

``application_id`` tells our files from other SQLite databases, ``user_version`` counts the steps
below that a file has been through. A step is never changed once released; a new one is added.
"""

from typing import Final

APPLICATION_ID: Final = 0x42545845
"""``BTXE``."""

STATE_TABLES: Final = (
    "totals",
    "histograms",
    "baselines",
    "figures",
    "finished",
    "held",
    "resource_versions",
    "org_names",
    "workflow_names",
)
"""What ``LedgerState`` is read from at the start; of the log, only its latest events are."""

# Baselines are as long as a few to a page: in the order in which they come, and not of their uids,
# a start with ten thousand writes a fifth.
MIGRATIONS: Final[tuple[str, ...]] = (
    """
    CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE totals (family TEXT, labels TEXT, value REAL NOT NULL,
        PRIMARY KEY (family, labels)) WITHOUT ROWID;
    CREATE TABLE histograms (family TEXT, labels TEXT, counts TEXT NOT NULL, sum REAL NOT NULL,
        PRIMARY KEY (family, labels)) WITHOUT ROWID;
    CREATE TABLE baselines (uid TEXT PRIMARY KEY, baseline TEXT NOT NULL);
    CREATE TABLE finished (uid TEXT PRIMARY KEY, namespace TEXT NOT NULL, oid TEXT NOT NULL,
        crawl TEXT NOT NULL, state TEXT NOT NULL, stop_reason TEXT NOT NULL,
        finished REAL NOT NULL, paused_seconds REAL NOT NULL, deleted_at REAL) WITHOUT ROWID;
    CREATE TABLE events (id INTEGER PRIMARY KEY, noticed REAL NOT NULL, at REAL NOT NULL,
        uid TEXT NOT NULL, namespace TEXT NOT NULL, oid TEXT NOT NULL, crawl TEXT NOT NULL,
        kind TEXT NOT NULL, detail TEXT NOT NULL);
    CREATE TABLE resource_versions (source TEXT, scope TEXT, version TEXT NOT NULL,
        PRIMARY KEY (source, scope)) WITHOUT ROWID;
    """,
    """
    CREATE TABLE figures (uid TEXT PRIMARY KEY, version TEXT NOT NULL,
        last_seen_alive REAL NOT NULL, exec_seconds REAL NOT NULL, pages INTEGER NOT NULL,
        size INTEGER NOT NULL, last_updated REAL NOT NULL) WITHOUT ROWID;
    """,
    """
    ALTER TABLE figures ADD COLUMN progressed REAL NOT NULL DEFAULT 0;
    ALTER TABLE resource_versions ADD COLUMN seen REAL NOT NULL DEFAULT 0;
    """,
    """
    ALTER TABLE finished ADD COLUMN cid TEXT NOT NULL DEFAULT '';
    CREATE TABLE org_names (oid TEXT PRIMARY KEY, name TEXT NOT NULL, slug TEXT NOT NULL)
        WITHOUT ROWID;
    CREATE TABLE workflow_names (oid TEXT, cid TEXT, name TEXT NOT NULL, PRIMARY KEY (oid, cid))
        WITHOUT ROWID;
    """,
    """
    CREATE TABLE held (uid TEXT PRIMARY KEY, baseline TEXT NOT NULL, found REAL NOT NULL,
        known_until REAL NOT NULL);
    ALTER TABLE finished ADD COLUMN learned REAL;
    """,
)
