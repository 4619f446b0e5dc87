"""Names that the ledger keeps: of what it has crawls of, as last known, on disk."""

from pathlib import Path
from typing import Any

import pytest

from exporter.app import Pipeline
from exporter.history.ledger import Ledger
from exporter.history.names import Names
from exporter.settings import Settings
from support.crawl_history import OVER, Watch, sql
from support.factories import CID, NAMESPACE, OID
from support.known_names import give_names, give_orgs, give_workflows

NEWS = Names(organisation="Library of X", slug="library-of-x", cid=CID, workflow="News daily")
OTHER = "2222"


def kept(path: Path) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
    return sql(path, "SELECT * FROM org_names"), sql(path, "SELECT * FROM workflow_names")


def recorded(path: Path) -> Watch:
    """A crawl whose names are known and on disk."""
    watch = Watch(path)
    give_names(watch.ledger.names)
    watch.synced()
    watch.change(10, crawl="a")
    watch.ledger.flush()
    return watch


def test_names_of_crawls_are_on_disk_and_there_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    watch = recorded(path)
    assert kept(path) == ([(OID, "Library of X", "library-of-x")], [(OID, CID, "News daily")])

    watch.kill()

    assert watch.ledger.names.of(OID, CID) == NEWS


def test_nothing_is_kept_of_what_has_no_crawls(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    watch = Watch(path)
    others = [{"id": f"w{n}", "name": f"n{n}"} for n in range(50)]
    give_orgs(watch.ledger.names, {}, {"id": "other", "name": "Other"})
    give_workflows(watch.ledger.names, {}, *others)
    watch.synced()
    watch.change(10, crawl="a")
    watch.ledger.flush()

    assert kept(path) == ([(OID, "Library of X", "library-of-x")], [(OID, CID, "News daily")])
    assert watch.ledger.names.of("other", "") == Names(organisation="Other", slug="library-of-x"), (
        "but it is known while it is listed"
    )


def test_a_crawl_that_was_there_before_the_names_has_them_once_they_are_polled(
    tmp_path: Path,
) -> None:
    path = tmp_path / "history.db"
    watch = Watch(path)
    watch.synced()
    watch.change(10, crawl="a")
    assert watch.ledger.names.of(OID, CID) is None

    give_names(watch.ledger.names)
    assert watch.ledger.names.of(OID, CID) == NEWS
    watch.ledger.names.keep_some()
    watch.ledger.flush()

    assert kept(path) == ([(OID, "Library of X", "library-of-x")], [(OID, CID, "News daily")])


def test_a_new_name_is_in_place_of_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    watch = recorded(path)

    give_orgs(watch.ledger.names, {"name": "Library of Y"})
    watch.ledger.names.keep_some()
    watch.ledger.flush()

    assert kept(path)[0] == [(OID, "Library of Y", "library-of-x")]


def test_what_was_known_stays_while_browsertrix_does_not_answer_and_once_it_is_deleted() -> None:
    watch = Watch()
    watch.synced()
    watch.change(10, crawl="a")
    names = watch.ledger.names
    give_names(names)
    names.keep_some()

    names.organisations.on_unknown()
    names.workflows.on_polled({}, 0.0)
    names.keep_some()

    assert names.of(OID, CID) == NEWS


def test_a_long_list_is_gone_through_by_and_by(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    watch = Watch(path)
    watch.synced()
    for n in range(1000):
        watch.change(10 + n, crawl=f"c{n}", spec={"cid": f"w{n}"})
    give_orgs(watch.ledger.names)
    give_workflows(watch.ledger.names, *({"id": f"w{n}", "name": "x"} for n in range(1000)))
    sizes = []
    for _ in range(4):
        watch.ledger.names.keep_some()
        watch.ledger.flush()
        sizes.append(len(kept(path)[1]))

    assert sizes == [400, 800, 1000, 1000]
    assert watch.ledger.names.of(OID, "w999") is not None, "known at once all the same"


def test_names_that_no_crawl_needs_are_dropped_at_the_next_start(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    watch = recorded(path)
    watch.change(11, crawl="a", status=OVER, deleted=True)
    watch.synced(20)
    watch.clock.now += 2 * 86_400
    watch.ledger.expire()
    watch.ledger.flush()
    assert kept(path)[1] != []

    watch.kill()
    watch.ledger.flush()

    assert kept(path) == ([], [])


def test_withheld_names_are_deleted_from_the_file_and_taken_no_more(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    watch = recorded(path)

    watch.ledger.names.withhold()
    give_names(watch.ledger.names)
    watch.ledger.names.keep_some()
    watch.ledger.flush()

    assert kept(path) == ([(OID, "", "")], [])
    assert watch.ledger.names.of(OID, CID) == Names(cid=CID)


def test_a_workflow_of_another_organisation_lends_no_name() -> None:
    ledger = Ledger.open()
    give_orgs(ledger.names, {}, {"id": OTHER, "name": "Other", "slug": "other"})
    give_workflows(ledger.names)

    found = ledger.names.of(OTHER, CID)

    assert found == Names(organisation="Other", slug="other", cid=CID)


def test_an_organisation_is_found_by_id_name_and_slug() -> None:
    watch = Watch()
    watch.synced()
    give_names(watch.ledger.names)
    watch.change(10, crawl="a")

    found = watch.ledger.names.orgs_called

    assert found("LIBRARY OF X") == {OID, "LIBRARY OF X"}
    assert found("library-of-x") == {OID, "library-of-x"}
    assert found(OID) == {OID}


def test_a_name_longer_than_any_is_cut_and_the_rest_is_text(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    watch = Watch(path)
    give_orgs(watch.ledger.names, {"name": "'); DROP TABLE finished; --\n\"<b>"})
    give_workflows(watch.ledger.names, {"name": "x" * 10_000})
    watch.synced()
    watch.change(10, crawl="a")
    watch.ledger.flush()

    ((_, name, _),), ((_, _, workflow),) = kept(path)
    assert name == "'); DROP TABLE finished; -- \"<b>"
    assert workflow == "x" * 199 + "…"


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ({}, Names(cid=CID)),
        ({"browsertrix_names": False}, Names(cid=CID)),
        ({"browsertrix_names": True}, NEWS),
    ],
    ids=["nothing is asked", "names are off", "names are on"],
)
def test_an_exporter_that_may_not_show_names_forgets_them(
    tmp_path: Path, options: dict[str, Any], shown: Names
) -> None:
    watch = recorded(tmp_path / "history.db")
    login = {"browsertrix_url": "http://127.0.0.1:1", "browsertrix_token_file": tmp_path / "token"}
    settings = Settings(**(login | options if options else {}))

    Pipeline(settings, watch.ledger)
    give_names(watch.ledger.names)

    assert watch.ledger.names.of(OID, CID) == shown


def test_a_crawl_whose_end_is_asked_for_keeps_its_names(tmp_path: Path) -> None:
    """Its baseline is forgotten once no replay can show it again; its end is still to come."""
    watch = Watch(tmp_path / "history.db", hold_back=True)
    give_names(watch.ledger.names)
    watch.synced()
    watch.change(10, crawl="a")
    watch.unlisted(10, crawl="a")
    watch.recorder.on_bookmark(NAMESPACE, "500")
    watch.ledger.flush()
    assert not watch.ledger.baselines

    watch.kill()
    watch.kill()

    assert len(watch.ledger.held_ends) == 1
    assert watch.ledger.names.of(OID, CID) == NEWS
