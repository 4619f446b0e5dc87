"""Names to join: of organisations, of workflows, and of the workflow and organisation of a crawl.

What Browsertrix says is joined here once, for the texts of alerts (``exporter.alerting.names``) and
for dashboards. An organisation or workflow has one series at any time, also while a pair of
exporters hears of a new name one after the other: so no join fails, and what is renamed is one
line. A name is kept through a gap in the scrapes. Without ``--browsertrix.url`` there is no series.
"""

from typing import Final

from exporter.alerting.event_alerts import format_duration
from exporter.alerting.names import CRAWL_NAMES, ORG_NAMES, WORKFLOW_NAMES
from exporter.resources.identity import CRAWL_LABELS
from exporter.rules.promql import by, on
from exporter.rules.rule import RecordingRule, RuleGroup
from exporter.rules.thresholds import Thresholds

_SHORT_LIVED: Final = "3m"
"""Some CrawlJobs are there for less than an evaluation; their ends are alerted on all the same."""


def _one_each(info: str, of: tuple[str, ...], others: tuple[str, ...], name: str, past: str) -> str:
    """One series of the info metric for each thing, with its label ``name`` called otherwise."""

    def named(series: str) -> str:
        renamed = f'label_replace({series}, "{name}", "$1", "name", "(.*)")'
        return f"max {by(*of, *others, name)} ({renamed})"

    return f"""\
topk {by(*of)} (1,
  {named(info)}
  or {on(*of)}
  {named(f"last_over_time({info}[{past}])")}
)"""


def group(at: Thresholds) -> RuleGroup:
    """The group with these thresholds."""
    past = format_duration(at.bridge)
    crawls = f"""\
max {by(*CRAWL_LABELS, "cid")} (last_over_time(browsertrix_crawl_info[{_SHORT_LIVED}]))"""
    org, workflow = ("oid",), ("oid", "cid")
    return RuleGroup(
        name="browsertrix-names",
        topic="Names",
        interval="1m",
        rules=(
            RecordingRule(
                name=ORG_NAMES,
                description="1, with the name and slug of each organisation; `slug` is its part of "
                "Browsertrix's addresses",
                labels=(*org, "slug", "organisation"),
                expr=_one_each("browsertrix_org_info", org, ("slug",), "organisation", past),
            ),
            RecordingRule(
                name=WORKFLOW_NAMES,
                description="1, with the name of each workflow, and its organisation's",
                labels=(*workflow, "workflow", "slug", "organisation"),
                expr=_one_each("browsertrix_workflow_info", workflow, (), "workflow", past)
                + f"\n* {on(*org)} group_left (slug, organisation) {ORG_NAMES}",
            ),
            RecordingRule(
                name=CRAWL_NAMES,
                description="1, with the names of each crawl's workflow and organisation; without "
                "`workflow` where only the organisation is known",
                labels=(*CRAWL_LABELS, "cid", "slug", "organisation", "workflow"),
                expr=f"""\
{crawls}
* {on(*workflow)} group_left (slug, organisation, workflow) {WORKFLOW_NAMES}
or {on(*CRAWL_LABELS)}
{crawls}
* {on(*org)} group_left (slug, organisation) {ORG_NAMES}""",
            ),
        ),
    )
