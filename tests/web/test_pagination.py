"""Pages of a list: each item once and in order, and links to the next."""

from urllib.parse import urlencode

from hypothesis import given
from hypothesis import strategies as st

from exporter.runtime.time_slice import TimeSlice
from exporter.web.status.pagination import paginate
from exporter.web.status.query import Query
from support.factories import crawljob
from support.web_site import Serve


async def test_the_next_links_lead_through_all_of_them_once(serve: Serve) -> None:
    site = await serve(status_page=True)
    site.watch.add(*(crawljob(crawl=f"c{n:04}") for n in range(1000)))
    url: str | None = "/api/v1/crawls?per_page=150&q=c0&sort=crawl"
    seen: list[str] = []
    while url:
        found = await site.json(url)
        assert found["total"] == 1000
        seen += [crawl["crawl"] for crawl in found["crawls"]]
        url = found["next"]
    assert seen == [f"c{n:04}" for n in range(1000)]
    beyond = await site.json("/api/v1/crawls?page=1000")
    assert (beyond["crawls"], beyond["next"]) == ([], None)


@given(st.lists(st.one_of(st.none(), st.integers(0, 50)), max_size=1500), st.integers(1, 40))
async def test_a_page_is_the_slice_of_what_sorting_all_gives(
    items: list[int | None], page: int
) -> None:
    chosen = await paginate(items, lambda item: item, Query(page=page, per_page=50), TimeSlice(0.0))
    expected = sorted(item for item in items if item is not None)
    assert chosen.total == len(expected)
    assert chosen.items == expected[(page - 1) * 50 : page * 50]


def test_a_link_keeps_the_query_and_leaves_out_defaults() -> None:
    query = Query(q="a&b <c>", state="paused", page=3)
    assert query.link() == f"?{urlencode({'state': 'paused', 'q': 'a&b <c>', 'page': 3})}"
    assert query.link(state="", q="", page=1) == "?"
