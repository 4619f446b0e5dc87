"""``python -m deploy``: write what is generated here; ``--check`` only names stale files."""

import argparse
import sys
from pathlib import Path

from deploy.kustomize import FOLDER, manifests
from deploy.readme import readme
from deploy.rules import rules_data
from deploy.schema import schema
from deploy.sources import sources_data

ROOT = Path(__file__).parents[1]


def files() -> dict[str, str]:
    """Every generated file's text, by its path in the repository; but those made of the chart."""
    return {
        "deploy/chart/files/rules.yaml": rules_data(),
        "deploy/chart/files/sources.yaml": sources_data(),
        "deploy/chart/values.schema.json": schema(),
        "deploy/chart/README.md": readme(),
    }


def main() -> int:
    """Write or compare; the exit status is 1 where ``--check`` finds a file that differs."""
    parser = argparse.ArgumentParser(prog="python -m deploy", description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    check = parser.parse_args().check
    stale = _bring_up_to_date(files(), check=check)
    # Of the chart as it is now.
    made = manifests()
    stale += _bring_up_to_date(made, check=check)
    for path in (ROOT / FOLDER).rglob("*.yaml"):
        if (name := path.relative_to(ROOT).as_posix()) not in made:
            stale.append(name)
            if not check:
                path.unlink()
    if check:
        for name in stale:
            sys.stderr.write(f"{name} is stale; run `make docs`\n")
    return 1 if check and stale else 0


def _bring_up_to_date(texts: dict[str, str], *, check: bool) -> list[str]:
    """Write what differs, unless only to be checked; the names of these."""
    stale = [name for name, text in texts.items() if _committed(ROOT / name) != text]
    if not check:
        for name in stale:
            (ROOT / name).parent.mkdir(parents=True, exist_ok=True)
            (ROOT / name).write_text(texts[name], encoding="utf-8")
    return stale


def _committed(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


if __name__ == "__main__":
    sys.exit(main())
