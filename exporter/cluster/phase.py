"""What a reflector is at: from its first list to the watch, and back where a version expired."""

from enum import Enum


class Phase(Enum):
    """LISTING, then REPLAYING after a restart, then WATCHING, with RELISTING in between."""

    LISTING = "listing"
    """The first list is not complete yet."""
    REPLAYING = "replaying"
    """The first list is complete; what happened before it is still being emitted."""
    WATCHING = "watching"
    """The content is complete, and a watch follows it."""
    RELISTING = "relisting"
    """The content was complete; to follow it further it must be listed again."""

    @property
    def needs_list(self) -> bool:
        """Whether a list comes before the next watch."""
        return self in (Phase.LISTING, Phase.RELISTING)

    @property
    def synced(self) -> bool:
        """Whether the content has been complete once."""
        return self in (Phase.WATCHING, Phase.RELISTING)
