"""What one source gives for an option: text, and what an error calls the place it stands at."""

from dataclasses import dataclass


class SettingsError(Exception):
    """An option cannot be used as it is given; one line that names flag, variable or file."""


@dataclass(frozen=True, slots=True)
class Given:
    """The values of one option, all from one source; only a repeatable one has several."""

    texts: tuple[str, ...]
    places: tuple[str, ...]
    """Of each value: the flag, the variable, or file, line and key."""

    def place_of(self, text: str) -> str:
        """Where this value stands; the first of equal ones."""
        return self.places[self.texts.index(text)]
