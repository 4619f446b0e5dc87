"""Names in what is posted: in texts alone, as last known, whatever users typed."""

from pathlib import Path
from typing import Any

import pytest

from exporter.alerting.active_alerts import ActiveAlert
from support.alert_receiver import Receiver
from support.alert_sender import OFTEN, Sender
from support.crawl_history import Watch
from support.factories import CID, NAMESPACE, OID
from support.known_names import give_names, give_orgs, give_workflows
from support.waiting import until


def text_of(alert: dict[str, Any]) -> str:
    description: str = alert["annotations"]["description"]
    return description.partition(" was paused")[0]


async def test_a_text_says_whose_crawl_it_was_and_links_to_it() -> None:
    async with Receiver() as receiver:
        sender = Sender(receiver.url)
        give_names(sender.watch.ledger.names)
        async with sender.running():
            sender.finish("manual-1")
            await until(lambda: receiver.taken)

    (alert,) = receiver.taken
    assert text_of(alert) == f"Crawl manual-1 of News daily (Library of X) in {NAMESPACE}"
    assert alert["annotations"]["browsertrix_url"] == (
        f"https://browsertrix.example.org/orgs/library-of-x/workflows/{CID}/crawls/manual-1"
    )
    assert alert["annotations"]["subject"] == "News daily (Library of X)"
    assert "Library" not in str(alert["labels"])


async def test_an_alert_does_not_wait_for_names_and_a_rename_makes_no_other_alert() -> None:
    async with Receiver() as receiver:
        sender = Sender(receiver.url, OFTEN)
        names = sender.watch.ledger.names

        async def until_said(text: str) -> None:
            await until(lambda: receiver.taken and text in text_of(receiver.taken[-1]))

        async with sender.running():
            sender.finish("a")
            await until_said(f"organisation {OID}")
            give_names(names)
            await until_said("News daily (Library of X)")
            give_orgs(names, {"name": "Library of Y", "slug": "library-of-y"})
            await until_said("News daily (Library of Y)")
            names.keep_some()
            names.organisations.on_unknown()
            names.workflows.on_unknown()
            seen = len(receiver.taken)
            await until(lambda: len(receiver.taken) > seen + 1)

    assert "News daily (Library of Y)" in text_of(receiver.taken[-1])
    assert len({str(alert["labels"]) for alert in receiver.taken}) == 1, "one alert"
    assert len({alert["startsAt"] for alert in receiver.taken}) == 1


@pytest.mark.parametrize(
    "name",
    ["<!channel> <b>\"'&", "{{ $labels.oid }}", '{{ with printf "x" | query }}', "\\1 \\g<0> %s"],
)
def test_a_name_is_no_template(name: str) -> None:
    sender = Sender("http://127.0.0.1:1")
    names = sender.watch.ledger.names
    give_orgs(names, {"name": name, "slug": "../?a=b#c"})
    give_workflows(names, {"name": name})
    sender.finish("a")

    annotations = posted(sender)["annotations"]

    assert f"Crawl a of {name} ({name}) in" in annotations["description"]
    assert "/orgs/..%2F%3Fa%3Db%23c/workflows/" in annotations["browsertrix_url"]


def test_a_long_name_is_cut_and_a_name_of_several_lines_is_one() -> None:
    sender = Sender("http://127.0.0.1:1")
    names = sender.watch.ledger.names
    give_orgs(names, {"name": "Library\nof\tX\x00"})
    give_workflows(names, {"name": "x" * 10_000})
    sender.finish("a")

    description = posted(sender)["annotations"]["description"]

    assert f"{'x' * 199}… (Library of X) in" in description


def test_names_are_there_again_after_a_restart(tmp_path: Path) -> None:
    watch = Watch(tmp_path / "history.db")
    sender = Sender("http://127.0.0.1:1", watch=watch)
    give_names(watch.ledger.names)
    sender.finish("a")
    watch.ledger.flush()

    watch.kill()

    again = Sender("http://127.0.0.1:1", watch=watch)
    assert text_of(posted(again)) == f"Crawl a of News daily (Library of X) in {NAMESPACE}"


def test_where_names_are_withheld_a_text_has_ids() -> None:
    sender = Sender("http://127.0.0.1:1")
    sender.watch.ledger.names.withhold()
    give_names(sender.watch.ledger.names)
    sender.finish("a")

    alert = posted(sender)

    assert text_of(alert) == f"Crawl a of organisation {OID} in {NAMESPACE}"
    assert alert["annotations"]["subject"] == "a"
    assert alert["annotations"]["browsertrix_url"] == "https://browsertrix.example.org"


def posted(sender: Sender) -> Any:
    """The one active alert as it would be posted now."""
    (alert,) = (sender.alerts.get(key) for key in sender.alerts)
    assert isinstance(alert, ActiveAlert)
    return sender.send_loop._postable(alert)
