"""One PersistentVolumeClaim, as the operator asks for it and the cluster's controllers grant it."""

from typing import Final

from exporter.simulator.apiserver.defaults import initial_status
from exporter.simulator.apiserver.encoding import serialise, stamp
from exporter.simulator.apiserver.served_resource import CLAIMS
from exporter.simulator.apiserver.updates import Object
from exporter.simulator.browsertrix.installation import Installation
from exporter.simulator.browsertrix.pod_manifest import LAST_APPLIED
from exporter.simulator.browsertrix.pod_plan import PodPlan
from exporter.simulator.browsertrix.pod_template import quantity

STORAGE_CLASS: Final = "standard-rwo"
_PROTECTION: Final = "kubernetes.io/pvc-protection"
_PROVISIONER: Final = "pd.csi.storage.gke.io"
_CONTROLLERS: Final = "kube-controller-manager"


def claim(plan: PodPlan, storage: int, created: float) -> Object:
    """The claim of a pod: its name, labels and owner; ``storage`` in bytes."""
    applied: Object = {
        **CLAIMS.type_meta,
        "metadata": {"labels": plan.labels, "name": plan.claim, "namespace": plan.namespace},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": quantity(storage)}},
            "storageClassName": STORAGE_CLASS,
        },
    }
    value = {
        **CLAIMS.type_meta,
        "metadata": {
            **applied["metadata"],
            "creationTimestamp": stamp(created),
            "annotations": {LAST_APPLIED: serialise(applied).decode()},
            "finalizers": [_PROTECTION],
            **({"ownerReferences": [plan.owner]} if plan.owner else {}),
        },
        "spec": {**applied["spec"], "volumeMode": "Filesystem"},
    }
    return {**value, "status": initial_status(CLAIMS, value)}


def bound(value: Object) -> Object:
    """The same with the volume that was made for it."""
    metadata, spec = value["metadata"], value["spec"]
    annotations = {
        **metadata["annotations"],
        "pv.kubernetes.io/bind-completed": "yes",
        "pv.kubernetes.io/bound-by-controller": "yes",
        "volume.beta.kubernetes.io/storage-provisioner": _PROVISIONER,
        "volume.kubernetes.io/storage-provisioner": _PROVISIONER,
    }
    return {
        **value,
        "metadata": {**metadata, "annotations": annotations},
        "spec": {**spec, "volumeName": f"pvc-{metadata['uid']}"},
        "status": {
            "phase": "Bound",
            "accessModes": spec["accessModes"],
            "capacity": {"storage": spec["resources"]["requests"]["storage"]},
        },
    }


class Claim:
    """A claim on the cluster; ``storage`` in bytes. Seconds are simulated."""

    def __init__(self, installation: Installation, plan: PodPlan, storage: int) -> None:
        """Create it; it is not bound before ``bind``."""
        self.plan = plan
        self.deleting = False
        self._cluster = installation.cluster
        self._agenda = installation.agenda
        now = self._agenda.now
        self._cluster.create(claim(plan, storage, now), timestamp=now)

    def bind(self) -> None:
        """A volume was made for it."""
        value = self._cluster.get(self.plan.namespace, self.plan.claim, CLAIMS)
        if value["status"]["phase"] == "Pending":
            self._cluster.bind(bound(value), manager=_CONTROLLERS, timestamp=self._agenda.now)

    def request(self, storage: int) -> None:
        """Ask for more: the volume grows, the file system only when its pod is started again."""
        now = self._agenda.now
        self._patch({"spec": {"resources": {"requests": {"storage": quantity(storage)}}}})
        waiting = "Waiting for user to (re-)start a pod to finish file system resize of volume on"
        condition = {
            "type": "FileSystemResizePending",
            "status": "True",
            "lastProbeTime": None,
            "lastTransitionTime": stamp(now),
            "message": f"{waiting} node.",
        }
        self._patch({"status": {"conditions": [condition]}}, status=True)

    def resized(self) -> None:
        """The file system has grown to what was asked for."""
        value = self._cluster.get(self.plan.namespace, self.plan.claim, CLAIMS)
        storage = value["spec"]["resources"]["requests"]["storage"]
        self._patch({"status": {"capacity": {"storage": storage}, "conditions": None}}, status=True)

    def delete(self) -> None:
        """Delete it; it stays as long as a pod uses it."""
        if not self.deleting:
            self.deleting = True
            self._cluster.delete(
                self.plan.namespace,
                self.plan.claim,
                timestamp=self._agenda.now,
                resource=CLAIMS,
            )

    def release(self) -> None:
        """Delete it, and no pod uses it any more."""
        self.delete()
        self._patch({"metadata": {"finalizers": None}}, manager=_CONTROLLERS)

    def _patch(self, merge: Object, *, status: bool = False, manager: str = "") -> None:
        self._cluster.patch(
            self.plan.namespace,
            self.plan.claim,
            merge,
            status=status,
            manager=manager,
            timestamp=self._agenda.now,
            resource=CLAIMS,
        )
