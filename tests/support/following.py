"""What the fixtures that follow an API server give, by their types."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from exporter.cluster.client import ApiClient
from exporter.cluster.credentials import CredentialSource
from exporter.cluster.poller import Poller
from exporter.cluster.reflector import Reflector
from exporter.resources.crawljob import CrawlJob
from exporter.resources.podmetrics import PodMetrics
from support.change_recorder import PolledRecorder, Recorder

Opened = Callable[[Path | CredentialSource], Awaitable[ApiClient]]
Follow = Callable[..., tuple[Reflector[CrawlJob], Recorder]]
Run = Callable[[Reflector[Any]], None]

Polled = tuple[Poller[PodMetrics], PolledRecorder[PodMetrics]]
Poll = Callable[..., Polled]
INTERVAL = 0.5
"""Seconds between the lists of a poller in a test; a busy machine answers one in less than two."""
