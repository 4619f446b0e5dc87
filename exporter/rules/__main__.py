"""``python -m exporter.rules`` writes the generated files, checks them, or prints them."""

import argparse
import sys
from pathlib import Path
from typing import Final

from exporter.alerting.template import Links
from exporter.rules import Thresholds, rule_groups
from exporter.rules.render import files, prometheus_rule, rules

_ROOT: Final = Path(__file__).resolve().parents[2]


def main(arguments: list[str] | None = None) -> int:
    """Run the command; the exit status is 1 where ``--check`` finds a file that differs."""
    options = _parser().parse_args(arguments)
    if options.print:
        write = rules if options.print == "rules" else prometheus_rule
        sys.stdout.write(
            write(rule_groups(Thresholds()), Links(options.runbook_url, options.grafana_url))
        )
        return 0
    stale = [
        path
        for path, text in files(options.root).items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]
    if options.check:
        for path in stale:
            sys.stderr.write(
                f"{path}: differs from the declarations; run `python -m exporter.rules`\n"
            )
        return 1 if stale else 0
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(files(options.root)[path], encoding="utf-8")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m exporter.rules",
        description="Write alerts/browsertrix.rules.yaml, alerts/prometheusrule.yaml and "
        "docs/alerts.md from the declarations.",
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing; name files that differ"
    )
    parser.add_argument(
        "--print",
        choices=("rules", "prometheusrule"),
        help="print one of them instead of writing files",
    )
    defaults = Links()
    parser.add_argument(
        "--runbook-url",
        default=defaults.runbooks,
        metavar="URL",
        help="with --print: the folder of the runbooks (default: %(default)s)",
    )
    parser.add_argument(
        "--grafana-url",
        default=defaults.grafana,
        metavar="URL",
        help="with --print: the address of Grafana (default: none, links begin with /d/)",
    )
    parser.add_argument("--root", type=Path, default=_ROOT, help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
