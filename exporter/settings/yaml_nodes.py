"""YAML files as trees of nodes, which know their lines; what cannot be one is one readable line.

Limits of every file that a user writes: 1 MiB, UTF-8, one document, no aliases.
"""

from pathlib import Path
from typing import Any, Final

import yaml

from exporter.settings.given import SettingsError

LARGEST: Final = 1024 * 1024
"""Bytes; a file with every option in it has some thousand."""

NULL: Final = "tag:yaml.org,2002:null"
"""The tag of what is given no value."""


def compose(path: Path) -> yaml.Node | None:
    """Read a file; None where it is empty, or all of it comments.

    Raises OSError where it cannot be read, SettingsError, with file and line, where it is no YAML.
    No value of the file is in an error's text.
    """
    text = _text(path)
    try:
        return yaml.compose(text, _Loader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise SettingsError(f"{path}:{line}: {error.problem}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise SettingsError(f"{path}:{line}: a character that YAML does not allow") from None
    except RecursionError:
        raise SettingsError(f"{path}: is nested too deeply") from None
    except (ValueError, OverflowError):  # of numbers in escapes and directives
        raise SettingsError(f"{path}: is no valid YAML") from None


class _Loader(yaml.SafeLoader):
    """Refuses aliases: a few lines of them can stand for more than any memory holds."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            alias: Any = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(
                problem="aliases are not supported; a value that begins with * needs quotes",
                problem_mark=alias.start_mark,
            )
        return super().compose_node(parent, index)


def _text(path: Path) -> str:
    with path.open("rb") as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise SettingsError(f"{path}: is larger than {LARGEST // 1024} KiB")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SettingsError(f"{path}:{line}: is no text in UTF-8") from None
