"""What users read, README.md and docs/, and the fenced blocks in it."""

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

from support.tools import ROOT

PAGES: Final = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
}
"""Each page's text, by its path."""

_BLOCK: Final = re.compile(
    r"^(?P<indent> *)(?P<fence>`{3,})(?P<info>[^`\n]*)\n(?P<text>.*?)^(?P=indent)(?P=fence) *$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Snippet:
    """A fenced block."""

    page: str
    line: int
    """Of its fence, from 1."""
    language: str
    """The first word behind the fence; empty where there is none."""
    about: str
    """The other words; in docs/developing.md the file that the block belongs to."""
    text: str

    @property
    def where(self) -> str:
        """Page and line, for a test's name and message."""
        return f"{self.page}:{self.line}"

    @property
    def first_line(self) -> str:
        """What a table calls it by."""
        return self.text.strip().partition("\n")[0].strip()


@cache
def snippets(language: str | None = None) -> tuple[Snippet, ...]:
    """All of a language, or all, in the order of the pages."""
    return tuple(
        snippet
        for page in PAGES
        for snippet in snippets_of(page)
        if language is None or snippet.language == language
    )


def snippets_of(page: str) -> Iterator[Snippet]:
    """The blocks of a page. One within another, longer fence is part of that one's text."""
    for found in _BLOCK.finditer(PAGES[page]):
        language, _, about = found["info"].strip().partition(" ")
        line = PAGES[page].count("\n", 0, found.start()) + 1
        yield Snippet(page, line, language, about, textwrap.dedent(found["text"]))


def commands(text: str) -> list[str]:
    """The lines of a shell snippet: continued ones joined, comments and empty ones left out."""
    lines = text.replace("\\\n", " ").splitlines()
    bare = (re.sub(r"(^|\s)# .*", "", line).strip() for line in lines)
    return [line for line in bare if line]


def queries(text: str) -> list[str]:
    """The queries of a PromQL snippet: parts between empty lines; # begins a note."""
    bare = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)
    return [query for query in bare.split("\n\n") if query.strip()]
