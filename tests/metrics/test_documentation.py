"""The catalog as documentation: complete, and as committed."""

import json
from pathlib import Path

from exporter.metrics import CATALOG
from exporter.metrics.documentation import documentation
from support.tools import ROOT


def test_the_committed_documentation_is_what_the_catalog_says() -> None:
    page = Path(ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    assert page == documentation(CATALOG, "markdown"), "run `make docs`"


def test_every_family_is_documented_in_every_form() -> None:
    as_json = json.loads(documentation(CATALOG, "json"))
    assert [entry["name"] for entry in as_json] == [family.name for family in CATALOG]
    assert as_json[0].keys() == {"name", "type", "group", "labels", "unit", "help", "source"}
    text, page = documentation(CATALOG, "text"), documentation(CATALOG, "markdown")
    for family in CATALOG:
        assert f"\n{family.name} " in f"\n{text}"
        assert f"| `{family.name}` |" in page
