"""``python -m dashboards``: write each dashboard's JSON; ``--check`` only names stale files."""

import argparse
import sys

from dashboards.render import FOLDER, files


def main() -> int:
    """Write or compare; the exit status is 1 where ``--check`` finds a file that differs."""
    parser = argparse.ArgumentParser(prog="python -m dashboards", description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    check = parser.parse_args().check
    texts = files()
    stale = [name for name, text in texts.items() if _committed(name) != text]
    stale += sorted(path.name for path in FOLDER.glob("*.json") if path.name not in texts)
    if check:
        for name in stale:
            sys.stderr.write(f"{FOLDER.name}/{name} is stale; run `python -m dashboards`\n")
        return 1 if stale else 0
    FOLDER.mkdir(exist_ok=True)
    for name in stale:
        if name in texts:
            (FOLDER / name).write_text(texts[name])
        else:
            (FOLDER / name).unlink()
    return 0


def _committed(name: str) -> str | None:
    path = FOLDER / name
    return path.read_text() if path.exists() else None


if __name__ == "__main__":
    sys.exit(main())
