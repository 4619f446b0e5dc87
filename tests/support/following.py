"""What the fixtures that follow an API server give, by their types."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from exporter.cluster.client import ApiClient
from exporter.cluster.credentials import CredentialSource
from exporter.cluster.reflector import Reflector
from exporter.resources.crawljob import CrawlJob
from support.change_recorder import Recorder

Opened = Callable[[Path | CredentialSource], Awaitable[ApiClient]]
Follow = Callable[..., tuple[Reflector[CrawlJob], Recorder]]
Run = Callable[[Reflector[Any]], None]
