"""What runbooks tell people to do at night: commands that exist, of objects that exist.

That each alert has its runbook with all sections, and that its queries name what is served, stands
in ``test_completeness`` and ``test_documents``.
"""

import asyncio
import re
import shlex
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

import pytest

from exporter import cli
from exporter.rules.rule import AlertingRule, Severity
from support.promql import METRICS, result_labels
from support.promtool import committed_groups
from support.rules import ALERTS, by_name, read_groups
from support.tools import ROOT, require_kube_apiserver
from tools.kube_apiserver import assets

RUNBOOKS: Final = ROOT / "docs" / "runbooks"
NOTIFIED: Final = {
    Severity.CRITICAL: "whoever is on call, by page",
    Severity.WARNING: "those who run Browsertrix, by ticket",
    Severity.INFO: "a chat channel",
}
"""As alerts/alertmanager.yml routes them."""

RELEASE: Final = "default"
"""The namespace of Browsertrix's chart, where nobody says another one."""
CRAWLERS: Final = frozenset({"crawlers", "$ns"})
SELECTORS: Final = {
    # What the chart of Browsertrix 1.24.2 puts on its Deployment, StatefulSets and Jobs, and its
    # operator on what it makes: chart/templates, chart/app-templates.
    "app=browsertrix-cloud": RELEASE,
    "app=browsertrix-cloud,role=backend": RELEASE,
    "app=local-mongo": RELEASE,
    "app.kubernetes.io/name=metacontroller-helm": RELEASE,
    "kubernetes.io/service-name=browsertrix-cloud-backend": RELEASE,
    "role=background-job,job_type=delete-org": RELEASE,
    "role=background-job": RELEASE,
    "role=scheduled-crawljob": "crawlers",
    "crawl=$crawl": "$ns",
    "crawl=$crawl,role=crawler": "$ns",
    "crawl,role=redis": "crawlers",
    "role=crawler": "crawlers",
    "coll,role=redis": "crawlers",
    "role=index-import-job": "crawlers",
    # deploy/chart
    "app.kubernetes.io/name=browsertrix-exporter": "crawlers",
    "kubernetes.io/service-name=browsertrix-exporter-hook": "crawlers",
}
"""Each selector of labels that exist, and the namespace of what has them."""
OF_THE_CLUSTER: Final = frozenset(
    {"nodes", "node", "crd", "storageclass", "decoratorcontrollers", "--raw"}
)
RESOURCES: Final = frozenset(
    {"collindexes", "configmap", "crawljobs", "endpointslices", "events", "jobs"}
    | {"limitranges", "pod", "pods", "pvc", "resourcequotas", "statefulset"}
)
"""CrawlJobs by their plural: Browsertrix's definition has a singular that nobody would guess."""
CONTAINERS: Final = frozenset({"api", "op"})
WITH_RESOURCE: Final = frozenset({"get", "describe", "delete", "patch"})
NO_VALUE: Final = frozenset(
    {"-A", "--prefix", "--previous", "--ignore-errors", "--force", "--watch-only"}
)


@cache
def page(alert: str) -> str:
    return (RUNBOOKS / f"{alert}.md").read_text(encoding="utf-8")


def blocks(text: str) -> list[str]:
    return re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def commands(text: str, program: str) -> Iterator[list[str]]:
    """Each command of the program that the page shows: its words, without pipe and comment."""
    inline = (code.replace("\n", " ") for code in re.findall(r"`([^`]+)`", _prose(text)))
    lines = [line for block in blocks(text) for line in block.splitlines()]
    for line in (*lines, *inline):
        for part in re.split(r" \| ", re.sub(r"(^|\s)# .*", "", line)):
            words = shlex.split(part)
            if len(words) > 1 and words[0] == program:
                yield words[1:]


def _prose(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


KUBECTL: Final = sorted(
    {
        tuple(words)
        for path in RUNBOOKS.glob("*.md")
        for words in commands(path.read_text(encoding="utf-8"), "kubectl")
    }
)


@pytest.fixture(params=ALERTS, ids=lambda alert: alert.name)
def alert(request: pytest.FixtureRequest) -> AlertingRule:
    found = request.param
    assert isinstance(found, AlertingRule)
    return found


def options(words: tuple[str, ...]) -> tuple[dict[str, str], list[str]]:
    """The flags with their values, and the other words, of a kubectl command up to ``--``."""
    flags: dict[str, str] = {}
    others: list[str] = []
    ours = iter(words[: words.index("--")] if "--" in words else words)
    for word in ours:
        if not word.startswith("-"):
            others.append(word)
        elif "=" in word:
            name, _, value = word.partition("=")
            flags[name] = value
        else:
            flags[word] = "" if word in NO_VALUE else next(ours)
    return flags, others


def test_commands_are_found() -> None:
    """Otherwise the tests below would pass whatever the pages show."""
    assert ("-n", "$ns", "delete", "crawljobs", "crawljob-$crawl") in KUBECTL
    assert len(KUBECTL) > 50
    assert options(("-n", "a", "logs", "-l", "b=c", "--tail=5", "--", "-x")) == (
        {"-n": "a", "-l": "b=c", "--tail": "5"},
        ["logs"],
    )


async def test_kubectl_has_every_subcommand_and_flag() -> None:
    require_kube_apiserver()  # kubectl is built beside it
    refused: list[str] = []

    async def ask(shown: tuple[str, ...], turn: asyncio.Semaphore) -> None:
        ours = shown[: shown.index("--")] if "--" in shown else shown
        async with turn:
            process = await asyncio.create_subprocess_exec(
                assets() / "kubectl",
                *ours,
                "--help",
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            printed, errors = await process.communicate()
        if process.returncode or not re.search(
            rf"^ +kubectl {options(shown)[1][0]}\b", printed.decode(), re.MULTILINE
        ):
            refused.append(f"{shlex.join(shown)}: {errors.decode()}")

    two = asyncio.Semaphore(2)
    await asyncio.gather(*(ask(shown, two) for shown in KUBECTL))

    assert refused == []


@pytest.mark.parametrize("shown", KUBECTL, ids=shlex.join)
def test_a_command_reads_objects_that_exist_where_they_are(shown: tuple[str, ...]) -> None:
    flags, (verb, *others) = options(shown)
    resource = others[0] if others else "--raw"
    of_the_cluster = verb in ("cordon", "auth", "top") or OF_THE_CLUSTER & {resource, *flags}

    if verb in WITH_RESOURCE and not of_the_cluster:
        assert set(resource.split(",")) <= RESOURCES
    selector = flags.get("-l")
    assert selector is None or selector in SELECTORS
    if "-A" not in flags and not of_the_cluster:
        assert flags["-n"] in ({SELECTORS[selector]} if selector else {RELEASE, *CRAWLERS})
    assert flags.get("-c", "op") in CONTAINERS


@pytest.mark.parametrize("shown", [shown for shown in KUBECTL if "logs" in shown], ids=shlex.join)
def test_logs_of_what_has_replicas_are_read_from_all_of_them(shown: tuple[str, ...]) -> None:
    """Of a Deployment or StatefulSet kubectl picks one pod; of a selector, ten lines of each."""
    flags, (_, *names) = options(shown)

    if "-l" not in flags:
        assert names[0] in ("$pod", "redis-$crawl")
    else:
        assert names == []
        assert "--tail" in flags
    if flags.get("-l") == "app=browsertrix-cloud,role=backend":
        assert "--prefix" in flags
        assert flags["--tail"] == "-1"
        assert "--since" in flags


def test_variables_are_set_where_they_are_used(alert: AlertingRule) -> None:
    used = set(re.findall(r"\$(ns|crawl|pod)\b", page(alert.name)))

    assert used <= set(re.findall(r"\b(\w+)=\S", "".join(blocks(page(alert.name)))))


def test_a_page_says_who_is_notified_and_what_it_costs_to_ignore(alert: AlertingRule) -> None:
    text = " ".join(page(alert.name).split())

    assert f"Notified: {NOTIFIED[alert.severity]}, with the [example]" in text
    assert re.search(r"If nobody acts: \S.*\. ## How to look", text)


def test_a_page_names_only_metrics_that_exist(alert: AlertingRule) -> None:
    named = set(re.findall(r"(?<![\w:/-])browsertrix_\w+(?!:)\b", page(alert.name)))

    assert named - METRICS.keys() == set()


def test_what_a_page_sets_changes_its_alert(
    alert: AlertingRule, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = commands(page(alert.name), "browsertrix-exporter")
    flags = {words[1]: words[1:] for words in shown if words[0] == "rules"}
    committed = by_name(committed_groups())

    def tuned(flag: str) -> dict[str, Any]:
        assert cli.main(["rules", *flags[flag]]) == 0
        return by_name(read_groups(capsys.readouterr().out))

    severity = tuned("--severity")[alert.name]["labels"]["severity"]
    assert severity != alert.severity
    assert committed.keys() - tuned("--without").keys() >= {alert.name}
    if "--set" in flags:
        made = tuned("--set")
        changed = {name for name, rule in made.items() if committed.get(name) != rule}
        assert alert.name in changed or any(name in alert.expr for name in changed)


def test_a_page_silences_its_alert_by_labels_that_it_has(alert: AlertingRule) -> None:
    (silence,) = commands(page(alert.name), "amtool")
    matchers = dict(word.split("=", 1) for word in silence[2:] if not word.startswith("--"))

    assert silence[:2] == ["silence", "add"]
    assert matchers.pop("alertname") == alert.name
    assert matchers.keys() <= result_labels(alert.expr, METRICS)


def test_a_page_says_for_how_long_an_event_is_active(alert: AlertingRule) -> None:
    said = re.findall(r"It is active for (\w+) from when it happened", page(alert.name))

    assert bool(said) is alert.event
    for window in said:
        assert f"[{window}]" in alert.expr
