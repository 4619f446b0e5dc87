"""The metrics of CrawlJobs in a file: to look at one object, to test a rule, to report a fault.

The same parser, catalog and exposition as when serving, without a cluster.
"""

import sys
import time
from pathlib import Path

from prometheus_client import CollectorRegistry

from exporter.app import Pipeline
from exporter.cluster.changes import Change
from exporter.cluster.manifests import Skipped, read_manifests
from exporter.history.ledger import Ledger
from exporter.metrics import Format
from exporter.resources.crawljob import CrawlJob
from exporter.resources.crawljob.resource import CRAWLJOB_RESOURCE
from exporter.resources.identity import Key, key_of
from exporter.settings import Settings


def snapshot(settings: Settings, file: str, form: Format) -> bool:
    """Print the exposition of the file (``-``: standard input); what was left out, on stderr.

    Returns False where the file could not be read or an object in it was unusable.
    """
    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        sys.stderr.write(f"{file}: {error.strerror}\n")
        return False
    pipeline = Pipeline(settings.model_copy(update={"all_namespaces": True}), Ledger.open())
    usable = True
    seen: dict[Key, CrawlJob] = {}
    for item in read_manifests(CRAWLJOB_RESOURCE, data):
        if isinstance(item, Skipped):
            sys.stderr.write(f"{item}\n")
            usable = usable and not item.unusable
            continue
        key = key_of(item)
        if key in seen:
            sys.stderr.write(f"CrawlJob {'/'.join(key)}: given again; the later one counts\n")
        for problem in item.problems:
            sys.stderr.write(
                f"CrawlJob {'/'.join(key)}: {problem.field} is left out: {problem.reason}\n"
            )
        pipeline.crawls.on_change(Change("", seen.get(key), item))
        seen[key] = item
    pipeline.crawls.on_synced("", "")
    for chunk in pipeline.exposition(CollectorRegistry()).chunks(form, None, time.time()):
        sys.stdout.buffer.write(chunk)
    sys.stdout.buffer.flush()
    return usable
