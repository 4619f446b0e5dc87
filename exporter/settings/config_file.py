"""The file of ``--config.file``: the options' names as YAML, nested at their dots.

Read as a tree of nodes and not as values: a node knows its line, and a value's text, which is then
read as a flag's would be. So ``1h30m``, ``1000`` and ``true`` need no quotes and mean what they do
on the command line, and YAML's own notion of ``1:30`` or ``on`` is never asked.
"""

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import NoReturn

import yaml

from exporter.settings.given import Given, SettingsError
from exporter.settings.option import Option, options_of
from exporter.settings.yaml_nodes import NULL, compose


def given_by_file(path: Path) -> dict[str, Given]:
    """Read the options of a file by field, whichever command they are for.

    One that has no value counts as not given. Raises OSError where the file cannot be read, and
    SettingsError, with file and line, for what is no such file: an unknown or repeated name, a list
    where one value is expected, broken YAML.
    """
    root = compose(path)
    reader = _Reader(path, options_of())
    if root is not None and root.tag != NULL:  # else the file is empty, or all of it comments
        reader.read_section(root)
    return reader.given


class _Reader:
    """Takes options from nodes."""

    def __init__(self, path: Path, options: Iterable[Option]) -> None:
        self._path = path
        self._options: Mapping[str, Option] = {option.name: option for option in options}
        self._sections = {
            name[: dot.start()] for name in self._options for dot in re.finditer(r"\.", name)
        }
        self._seen: set[str] = set()
        self.given: dict[str, Given] = {}

    def read_section(self, section: yaml.Node, prefix: str = "") -> None:
        """Read all options of the file, or those below ``prefix``."""
        if not isinstance(section, yaml.MappingNode):
            what = f"{prefix.rstrip('.')}: " if prefix else ""
            self._refuse(section, f"{what}expected options, each as NAME: VALUE")
        for key, node in section.value:
            name = prefix + key.value if isinstance(key, yaml.ScalarNode) else ""
            if name in self._seen:
                self._refuse(key, f"{name} is given twice")
            self._seen.add(name)
            is_section = name in self._sections and isinstance(node, yaml.MappingNode)
            if (option := self._options.get(name)) and not is_section:
                self._read_option(option, node)
            elif name not in self._sections:
                close = get_close_matches(name, [*self._options, *self._sections], n=1)
                hint = f"; did you mean {close[0]}?" if close else ""
                self._refuse(key, f"unknown option {name!r}{hint}")
            elif node.tag != NULL:
                self.read_section(node, f"{name}.")

    def _read_option(self, option: Option, node: yaml.Node) -> None:
        nodes = node.value if option.repeatable and isinstance(node, yaml.SequenceNode) else [node]
        for one in nodes:
            if not isinstance(one, yaml.ScalarNode):
                wanted = "one value, or a list of them" if option.repeatable else "one value"
                self._refuse(one, f"{option.name}: expected {wanted}")
            if one.tag.startswith("!") or not one.value.isprintable():
                self._refuse(one, f"{option.name}: expected text, without a tag or line breaks")
        texts = [(one, one.value) for one in nodes if one.value and one.tag != NULL]
        if texts:
            self.given[option.field] = Given(
                tuple(text for _, text in texts),
                tuple(f"{self._place(one)}: {option.name}" for one, _ in texts),
            )

    def _place(self, node: yaml.Node) -> str:
        return f"{self._path}:{node.start_mark.line + 1}"

    def _refuse(self, node: yaml.Node, text: str) -> NoReturn:
        raise SettingsError(f"{self._place(node)}: {text}")
