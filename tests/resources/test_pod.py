"""A pod as it is read: what is kept of its lists, and what a bad value costs."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.resources.decoding import InvalidObjectError
from exporter.resources.pod import Pod, parse_json, parse_value
from exporter.resources.pod.derived import (
    exit_reason,
    exits,
    is_evicted,
    resources,
    seconds_to_run,
    seconds_to_schedule,
    was_stopped,
)
from exporter.resources.pod.messages import (
    EXHAUSTED_RESOURCES,
    UNSCHEDULABLE_REASONS,
    exhausted_resource,
    unschedulable_reason,
)
from support.factories import CREATED, GIB, UPDATED, UPDATED_EPOCH, to_wire
from support.pod_factories import (
    container_status,
    evicted,
    pod,
    pod_wire,
    restarted,
    terminated,
    unschedulable,
)
from support.strategies import hostile_json, mutated_objects

CREATED_EPOCH = UPDATED_EPOCH - 960
MIB = 1024**2


def of(wire: dict[str, Any]) -> Pod:
    return parse_json(to_wire(wire))


def test_what_was_asked_for_is_read_with_the_node() -> None:
    spec = pod().spec
    assert (spec.node_name, spec.priority_class_name) == ("node-1", "crawl-pri-0")
    resources = spec.resources
    assert resources is not None
    assert (resources.memory_request, resources.memory_limit) == (GIB, 1229 * MIB)
    assert (resources.cpu_request, resources.cpu_limit) == (0.9, None)


def test_containers_are_summed_and_a_limit_is_one_only_where_each_has_it() -> None:
    sidecar = {"name": "mesh", "resources": {"requests": {"memory": "64Mi"}}}
    limited = {"name": "a", "resources": {"limits": {"memory": "1Gi", "cpu": "500m"}}}
    both = pod(spec={"containers": [limited, {**limited, "name": "b"}]}).spec.resources
    assert both is not None
    assert (both.memory_limit, both.cpu_limit, both.memory_request) == (2 * GIB, 1.0, None)
    one = pod(spec={"containers": [limited, sidecar]}).spec.resources
    assert one is not None
    assert (one.memory_limit, one.memory_request) == (None, 64 * MIB)


def test_a_sidecar_counts_like_a_container_and_an_init_container_does_not() -> None:
    asks = {"requests": {"memory": "1Gi"}, "limits": {"memory": "2Gi"}}
    sidecar = {"name": "mesh", "restartPolicy": "Always", "resources": asks}
    init = {"name": "init", "resources": asks}
    found = resources(pod(spec={"initContainers": [init, sidecar, sidecar]}))
    assert (found.memory_request, found.memory_limit) == (3 * GIB, (1229 + 4096) * MIB)
    assert (found.cpu_request, found.cpu_limit) == (0.9, None)
    unlimited = {**sidecar, "resources": {}}
    assert resources(pod(spec={"initContainers": [unlimited]})).memory_limit is None
    assert resources(pod(spec={"initContainers": [init]})) == pod().spec.resources


def test_what_is_set_for_the_pod_as_a_whole_counts_instead_of_the_sum() -> None:
    found = resources(pod(spec={"resources": {"limits": {"memory": "4Gi", "cpu": "3"}}}))
    assert (found.memory_limit, found.cpu_limit) == (4 * GIB, 3.0)
    assert (found.memory_request, found.cpu_request) == (GIB, 0.9)


def test_a_resize_in_place_counts_once_the_node_has_made_it() -> None:
    """A deferred or infeasible one leaves the container what it had (``PodResizePending``)."""
    asked = {"name": "crawler", "resources": {"limits": {"memory": "8Gi"}}}
    has = {"requests": {"cpu": "900m", "memory": "1Gi"}, "limits": {"memory": "2Gi"}}
    found = resources(
        pod(
            spec={"containers": [asked]},
            status={
                "conditions": [
                    {"type": "PodResizePending", "status": "True", "reason": "Infeasible"}
                ],
                "containerStatuses": [container_status(resources=has)],
            },
        )
    )
    assert (found.memory_limit, found.memory_request, found.cpu_request) == (2 * GIB, GIB, 0.9)
    silent = pod(status={"containerStatuses": [container_status(resources={})]})
    assert resources(silent) == silent.spec.resources


def test_a_thousand_containers_cost_what_is_read_of_them_and_nothing_else() -> None:
    many = [{"name": f"c{n}", "resources": {}} for n in range(1000)]
    statuses = [container_status(f"c{n}") for n in range(1000)]
    found = pod(spec={"containers": many}, status={"containerStatuses": statuses})
    assert [problem.field for problem in found.problems] == [
        "spec.containers",
        "status.containerStatuses",
    ]
    assert (found.status.phase, found.spec.node_name) == ("Running", "node-1")
    assert list(exits(found)) == []


def test_a_pod_that_waits_for_an_init_container_says_what_that_waits_for() -> None:
    waits = container_status(state={"waiting": {"reason": "PodInitializing"}})
    failing = container_status("mesh", state={"waiting": {"reason": "ImagePullBackOff"}})
    later = container_status("later", state={"waiting": {"reason": "PodInitializing"}})
    ends = container_status("done", restartCount=7, state=terminated(UPDATED))
    status = {"containerStatuses": [waits], "initContainerStatuses": [ends, failing, later]}
    found = pod(status=status)
    assert found.status.waiting == "ImagePullBackOff"
    assert found.status.container is not None
    assert found.status.container.restarts == 0
    assert list(exits(found)) == []
    assert pod(status={**status, "initContainerStatuses": [later]}).status.waiting == (
        "PodInitializing"
    )
    assert pod(status={"initContainerStatuses": [failing]}).status.waiting is None


def test_no_node_is_missing_for_a_pod_that_is_not_to_be_scheduled_yet() -> None:
    gated = unschedulable("Scheduling is blocked due to non-empty scheduling gates")
    gated["conditions"][0]["reason"] = "SchedulingGated"
    scheduling = pod(status=gated).status.scheduling
    assert scheduling is not None
    assert (scheduling.unschedulable, scheduling.unschedulable_since) == (None, None)


def test_its_way_to_running_is_measured_from_its_creation() -> None:
    running = pod()
    assert seconds_to_schedule(running) == 5.0
    assert seconds_to_run(running) == 30.0
    again = of(restarted(ended=terminated(UPDATED)))
    assert seconds_to_run(again) is None
    waiting = pod(status=unschedulable("0/1 nodes are available: 1 Insufficient memory."))
    assert (seconds_to_schedule(waiting), seconds_to_run(waiting)) == (None, None)


def test_a_pod_without_a_node_says_why_and_since_when() -> None:
    scheduling = pod(
        status=unschedulable("0/3 nodes are available: 3 Insufficient cpu.")
    ).status.scheduling
    assert scheduling is not None
    assert scheduling.unschedulable == "cpu"
    assert scheduling.unschedulable_since == CREATED_EPOCH
    assert scheduling.scheduled is None


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("0/3 nodes are available: 3 Insufficient memory.", "memory"),
        ("0/3 nodes are available: 1 Insufficient memory, 2 Insufficient cpu.", "cpu"),
        ("0/2 nodes are available: 1 Insufficient cpu, 1 Insufficient memory.", "memory"),
        (
            ("0/3 nodes are available: 1 node(s) had untolerated taint "
            "{node-role.kubernetes.io/control-plane: }, 2 Insufficient memory. preemption: 0/3 "
            "nodes are available: 1 Preemption is not helpful for scheduling, "
            "2 No preemption victims found for incoming pod."),
            "memory",
        ),
        ("0/4 nodes are available: 4 node(s) had untolerated taint {nodeType: gpu}.", "taint"),
        ("0/1 nodes are available: 1 node(s) had taints that the pod didn't tolerate.", "taint"),
        ("0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector.",
         "affinity"),
        ("0/2 nodes are available: 2 node(s) didn't match pod topology spread constraints.",
         "affinity"),
        ("0/2 nodes are available: 2 node(s) had volume node affinity conflict.", "volume"),
        ("0/2 nodes are available: 2 node(s) exceed max volume count.", "volume"),
        ("0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.", "volume"),
        ('persistentvolumeclaim "crawl-x-0" not found', "volume"),
        ("0/2 nodes are available: 2 Insufficient ephemeral-storage.", "storage"),
        ("0/2 nodes are available: 2 Too many pods.", "other"),
        ("0/2 nodes are available: 2 node(s) were unschedulable.", "other"),
        ("no nodes available to schedule pods", "other"),
        ("0/2 nodes are available: 2 node(s) had untolerated taint {dedicated: storage}.", "taint"),
        ("0/2 nodes are available: 2 node(s) had untolerated taint {pvc-only: true}.", "taint"),
        (("0/2 nodes are available: 1 node(s) had taint {example.com/affinity: }, that the pod "
         "didn't tolerate, 1 node(s) had taint {a: }, that the pod didn't tolerate."), "taint"),
        (("0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 Insufficient cpu, "
         "2 Insufficient memory. no new claims to deallocate, preemption: 0/3 nodes are available: "
         "3 Preemption is not helpful for scheduling."), "memory"),
        (("0/8 nodes are available: 1 Insufficient memory, 7 cannot allocate all claims. still not "
         "schedulable, preemption: 0/8 nodes are available: 8 Preemption is not helpful for "
         "scheduling."), "other"),
        (("0/3 nodes are available: 1 Insufficient cpu, 2 node has pod using PersistentVolumeClaim "
         "with the same name and ReadWriteOncePod access mode."), "volume"),
        (("0/3 nodes are available: 1 Insufficient cpu, 2 node(s) did not have enough free "
         "storage."), "storage"),
        (("0/2 nodes are available: 2 node(s) unavailable due to one or more pvc(s) bound to "
         "non-existent pv(s)."), "volume"),
        (("0/2 nodes are available: 2 node(s) didn't match pod topology spread constraints "
         "(missing required label)."), "affinity"),
        ("0/2 nodes are available: 2 node(s) didn't satisfy existing pods anti-affinity rules.",
         "affinity"),
        ("0/4 nodes are available: 1 Too many pods, 3 Insufficient hugepages-2Mi.", "memory"),
        ("0/2 nodes are available: 2 Insufficient nvidia.com/gpu.", "other"),
        (('0/9 nodes are available: waiting for ephemeral volume controller to create the '
         'persistentvolumeclaim "x".'), "volume"),
        ("", "other"),
    ],
)  # fmt: skip
def test_the_schedulers_message_is_classed_by_what_most_nodes_lack(
    message: str, expected: str
) -> None:
    assert unschedulable_reason(message) == expected


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("The node was low on resource: memory. Threshold quantity: 100Mi.", "memory"),
        ("The node was low on resource: ephemeral-storage. Container memory-hog was using 1Gi.",
         "storage"),
        ("The node was low on resource: inodes.", "inodes"),
        ("The node was low on resource: pids.", "pids"),
        ("The node had condition: [DiskPressure]. ", "storage"),
        ("The node had condition: [MemoryPressure].", "memory"),
        ('Usage of EmptyDir volume "tmpdir" exceeds the limit "1Gi". ', "storage"),
        ("Pod ephemeral local storage usage exceeds the total limit of containers 1Gi.",
         "storage"),
        ("something new", "other"),
        ("", "other"),
    ],
)  # fmt: skip
def test_an_evictions_message_is_classed_by_what_ran_out(message: str, expected: str) -> None:
    assert exhausted_resource(message) == expected


@given(st.text())
def test_any_message_has_a_class(message: str) -> None:
    assert unschedulable_reason(message) in UNSCHEDULABLE_REASONS
    assert exhausted_resource(message) in EXHAUSTED_RESOURCES


def test_an_eviction_is_told_from_other_failures() -> None:
    thrown_out = pod(status=evicted("ephemeral-storage"))
    assert is_evicted(thrown_out)
    assert thrown_out.status.exhausted == "storage"
    assert not is_evicted(pod(status={"phase": "Failed", "reason": "DeadlineExceeded"}))
    assert not is_evicted(pod())


def test_both_ends_that_a_container_shows_are_read_the_last_at_the_end() -> None:
    status = container_status(
        state=terminated(UPDATED, 11, "Error"), lastState=terminated(CREATED), restartCount=2
    )
    found = exits(pod(status={"containerStatuses": [status]}))
    assert [(one.reason, one.exit_code, one.finished_at) for one in found] == [
        ("OOMKilled", 137, CREATED_EPOCH),
        ("Error", 11, UPDATED_EPOCH),
    ]


@pytest.mark.parametrize(
    ("code", "reason", "expected"),
    [
        (0, "Completed", "done"),
        (0, "OOMKilled", "done"),
        (137, "OOMKilled", "oom"),
        (137, "Error", "oom"),
        (1, "OOMKilled", "oom"),
        (11, "Error", "interrupt: 11"),
    ],
)
def test_an_exit_has_the_reason_that_browsertrix_writes(
    code: int, reason: str, expected: str
) -> None:
    found = of(restarted(ended=terminated(UPDATED, code, reason)))
    (last,) = exits(found)
    assert exit_reason(found, last) == expected


STOPPED = [
    {
        "reason": "Terminated",
        "message": "Pod was terminated in response to imminent node shutdown.",
    },
    {"reason": "Preempting", "message": "Preempted in order to admit critical pod"},
    {"reason": "NodeShutdown"},
    {"reason": "DeadlineExceeded"},
    {},
]


@pytest.mark.parametrize("how", STOPPED)
def test_a_container_that_its_node_killed_did_not_want_for_memory(how: dict[str, str]) -> None:
    status = container_status(state=terminated(UPDATED, 137, "Error"))
    found = pod(status={"phase": "Failed", **how, "containerStatuses": [status]})
    (last,) = exits(found)
    assert was_stopped(found, last)
    assert exit_reason(found, last) == "interrupt: 137"


def test_a_kill_is_an_exit_once_it_is_known_by_whom() -> None:
    """The kubelet may say that the container ended before it says that it threw the pod out."""
    ended = {"containerStatuses": [container_status(state=terminated(UPDATED, 137, "Error"))]}
    assert list(exits(pod(status=ended))) == []
    assert len(list(exits(pod(status={**ended, "phase": "Failed", "reason": "Evicted"})))) == 1
    assert len(list(exits(of(restarted(ended=terminated(UPDATED, 137, "Error")))))) == 1
    by_kernel = {"containerStatuses": [container_status(state=terminated(UPDATED))]}
    assert len(list(exits(pod(status=by_kernel)))) == 1


def test_an_end_because_the_pod_is_deleted_is_no_exit() -> None:
    """The deletion was asked for a grace period before its timestamp."""
    deleted = {"deletionTimestamp": "2025-05-21T12:05:00Z", "deletionGracePeriodSeconds": 300}
    status = container_status(
        state=terminated("2025-05-21T12:00:10Z"), lastState=terminated("2025-05-21T11:59:59Z", 11)
    )
    left = exits(pod(metadata=deleted, status={"containerStatuses": [status]}))
    assert [one.exit_code for one in left] == [11]


def test_an_end_without_a_time_is_left_out_as_browsertrix_leaves_it_out() -> None:
    assert list(exits(of(restarted(ended=terminated(None))))) == []


def test_the_pods_own_container_counts_whatever_else_is_in_the_pod() -> None:
    mesh = container_status("a-mesh", restartCount=9, lastState=terminated(UPDATED))
    found = pod(status={"containerStatuses": [mesh, container_status(restartCount=2)]})
    assert found.status.container is not None
    assert found.status.container.restarts == 2
    assert list(exits(found)) == []


@pytest.mark.parametrize(
    ("parts", "field"),
    [
        ({"status": {"phase": 5}}, "status.phase"),
        ({"status": {"conditions": "none"}}, "status.conditions"),
        ({"status": {"containerStatuses": [{"restartCount": -1}]}}, "status.containerStatuses"),
        ({"status": {"conditions": [{"type": "PodScheduled", "status": "True",
                                     "lastTransitionTime": "soon"}]}}, "status.conditions"),
        ({"spec": {"containers": [{"resources": {"limits": {"memory": "lots"}}}]}},
         "spec.containers"),
        ({"metadata": {"labels": {"crawl": ["x"]}}}, "metadata.labels.crawl"),
    ],
)  # fmt: skip
def test_a_bad_value_costs_its_field_and_is_reported(parts: dict[str, Any], field: str) -> None:
    found = pod(**parts)
    assert [problem.field for problem in found.problems] == [field]
    assert found.metadata.uid


@given(mutated_objects(pod_wire()))
def test_whatever_is_in_a_pod_it_is_read_or_refused_readably(wire: Any) -> None:
    hostile_json_is_survived(wire)


@given(hostile_json())
def test_whatever_a_pod_is_it_is_read_or_refused_readably(wire: Any) -> None:
    hostile_json_is_survived(wire)


def hostile_json_is_survived(wire: Any) -> None:
    try:
        found = parse_value(wire)
    except InvalidObjectError:
        return
    assert isinstance(found, Pod)
    for end in exits(found):
        assert end.finished_at is not None
        exit_reason(found, end)
    resources(found)
    for seconds in (seconds_to_run(found), seconds_to_schedule(found)):
        assert seconds is None or seconds >= 0
