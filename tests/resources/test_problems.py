"""What could not be read is named: which field, what kind, why; never what stood there."""

from typing import Any

import pytest

from exporter.resources.crawljob import CrawlJob, Problem, parse_json
from support.factories import GIB, crawler_pod, crawljob, replaced, to_wire


def read(value: Any) -> CrawlJob:
    return parse_json(to_wire(value))


def test_a_problem_names_field_and_reason() -> None:
    assert read(crawljob(status={"pagesFound": "many"})).problems == (
        Problem(
            field="status.pagesFound",
            kind="status.pagesFound",
            reason="expected a valid integer, unable to parse string as an integer, "
            "got a text of 4 characters",
        ),
    )


def test_the_kind_of_a_pods_problem_leaves_its_name_out() -> None:
    job = read(crawljob(pods={"crawl-x-0": crawler_pod(evicted=[])}))

    assert job.problems == (
        Problem(
            field="status.podStatus.crawl-x-0.evicted",
            kind="status.podStatus.*.evicted",
            reason="expected a valid boolean, got a list",
        ),
    )


def test_every_bad_field_is_a_problem_of_its_own_and_the_rest_is_read() -> None:
    job = read(
        crawljob(
            metadata={"creationTimestamp": 7},
            labels={"role": 1},
            spec={"timeout": [], "scale": {}},
            status={"size": -1},
            pods={
                "crawl-x-0": crawler_pod(used=7, exitTime="soon"),
                "crawl-x-1": crawler_pod(allocated={"memory": "much", "cpu": 2}),
                "crawl-x-2": "gone",
                "crawl-x-3": crawler_pod(),
            },
        )
    )

    assert sorted(problem.field for problem in job.problems) == [
        "metadata.creationTimestamp",
        "metadata.labels.role",
        "spec.scale",
        "spec.timeout",
        "status.podStatus.crawl-x-0.exitTime",
        "status.podStatus.crawl-x-0.used",
        "status.podStatus.crawl-x-1.allocated.memory",
        "status.podStatus.crawl-x-2",
        "status.size",
    ]
    assert job.status.pod_status["crawl-x-0"].allocated.memory == 2 * GIB
    assert job.status.pod_status["crawl-x-1"].allocated.cpu == 2
    assert job.status.pod_status["crawl-x-2"].evicted is None
    assert job.status.pod_status["crawl-x-3"].used.memory == GIB
    assert (job.status.state, job.status.pages_done) == ("running", 45)


@pytest.mark.parametrize(
    "path",
    [("spec",), ("status", "podStatus"), ("metadata", "labels")],
)
def test_a_part_of_a_wrong_type_is_one_problem(path: tuple[str, ...]) -> None:
    job = read(replaced(crawljob(), path, "text"))

    assert job.problems == (Problem(".".join(path), ".".join(path), job.problems[0].reason),)
    assert job.problems[0].reason.startswith("expected a")
    assert job.problems[0].reason.endswith("got a text of 4 characters")


@pytest.mark.parametrize(
    "path",
    [
        ("metadata", "uid"),
        ("metadata", "creationTimestamp"),
        ("metadata", "labels", "btrix.org"),
        ("spec", "pausedAt"),
        ("spec", "manual"),
        ("spec", "maxCrawlSize"),
        ("spec", "timeout"),
        ("spec", "userid"),
        ("status", "state"),
        ("status", "podStatus", "crawl-x-0", "used"),
        ("status", "podStatus", "crawl-x-0", "used", "cpu"),
        ("status", "podStatus", "crawl-x-0", "exitCode"),
    ],
)
@pytest.mark.parametrize(
    "secret",
    [
        "someone@example.org " * 60,
        ["someone@example.org"],
        {"memory": {"someone@example.org": "someone@example.org"}},
    ],
)
def test_a_reason_never_shows_the_value(path: tuple[str, ...], secret: Any) -> None:
    job = read(replaced(crawljob(pods={"crawl-x-0": crawler_pod()}), path, secret))

    assert job.problems
    assert "someone" not in str(job.problems)


@pytest.mark.parametrize("name", ["", "n" * 254, "n" * 100_000])
def test_a_pod_whose_name_nobody_could_have_given_is_left_out(name: str) -> None:
    job = read(crawljob(pods={name: crawler_pod(), "crawl-x-0": crawler_pod()}))

    assert list(job.status.pod_status) == ["crawl-x-0"]
    [problem] = job.problems
    assert problem.kind == "status.podStatus.*"
    assert problem.reason == "expected the name of a pod, 1 to 253 characters"
    assert len(problem.field) < 120


@pytest.mark.parametrize("pod", [7, {"evicted": [], "used": {"memory": []}}])
def test_a_pod_bad_in_name_and_content_costs_no_other_pod(pod: Any) -> None:
    job = read(crawljob(pods={"": pod, "crawl-x-0": crawler_pod()}))

    assert list(job.status.pod_status) == ["crawl-x-0"]
    assert job.status.pod_status["crawl-x-0"].used.memory == GIB
    assert all(problem.kind.startswith("status.podStatus.*") for problem in job.problems)


@pytest.mark.parametrize(
    "name", ["[key]", "*", "function-after[_epoch(), datetime]", "used", "\ud800"]
)
@pytest.mark.parametrize("pod", [7, {"evicted": []}, {"used": 3}])
def test_a_pod_named_like_the_parsers_own_words_costs_no_other_pod(name: str, pod: Any) -> None:
    job = read(crawljob(pods={name: pod, "crawl-x-0": crawler_pod()}))

    assert job.status.pod_status["crawl-x-0"].used.memory == GIB
    assert len(job.status.pod_status) == 2
    assert len(job.problems) == 1


def test_a_value_made_of_the_parsers_own_words_costs_its_field_only() -> None:
    words = {"function-after[_epoch(), datetime]": 1, "constrained-str": {"": 1}, "float": []}
    job = read(crawljob(spec={"pausedAt": words}, pods={"crawl-x-0": {"used": {"cpu": words}}}))

    assert sorted(problem.field for problem in job.problems) == [
        "spec.pausedAt",
        "status.podStatus.crawl-x-0.used.cpu",
    ]


def test_pods_whose_long_names_begin_alike_are_distinct() -> None:
    pods = {f"crawl-{'x' * 100}-{n}": crawler_pod(evicted="perhaps") for n in range(3)}

    job = read(crawljob(pods=pods))

    assert len(job.problems) == 3
    assert list(job.status.pod_status) == list(pods)


def test_control_characters_of_a_pods_name_are_escaped() -> None:
    job = read(crawljob(pods={'a\n\x1b[2J"\u2028': 7}))

    assert job.problems[0].field == r'status.podStatus.a\n\x1b[2J"\u2028'


@pytest.mark.parametrize("pod", [{}, 7])
def test_far_too_many_pods_are_one_problem(pod: Any) -> None:
    job = read(crawljob(pods={f"crawl-x-{n}": pod for n in range(1001)}))

    assert job.status.pod_status == {}
    assert job.status.pages_done == 45
    assert job.problems == (
        Problem("status.podStatus", "status.podStatus", "expected at most 1000 pods, got 1001"),
    )


def test_a_thousand_pods_are_read() -> None:
    job = read(crawljob(pods={f"crawl-x-{n}": {} for n in range(1000)}))

    assert len(job.status.pod_status) == 1000
    assert job.problems == ()
