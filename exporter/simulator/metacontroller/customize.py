"""What a sync is given beside its object: what the customize hook asks for, by selectors.

The hook is asked once for each generation of an object and the rules are kept, for twenty minutes:
a change of its status asks for nothing new.
"""

import asyncio
from collections.abc import Iterator
from typing import Any, Final

from exporter.simulator.apiserver.cluster import Cluster
from exporter.simulator.apiserver.served_resource import ServedResource
from exporter.simulator.apiserver.storage import Key, Stored
from exporter.simulator.apiserver.updates import Object
from exporter.simulator.metacontroller.spec import Spec
from exporter.simulator.metacontroller.webhook import HookError, Webhook

_KEPT: Final = 1200.0
"""Seconds that rules are kept."""


class Customize:
    """The rules of all objects, and what is found by them."""

    def __init__(self, cluster: Cluster, spec: Spec, webhook: Webhook) -> None:
        self._cluster = cluster
        self._spec = spec
        self._webhook = webhook
        self._rules: dict[tuple[str, int], tuple[float, Key, list[Any]]] = {}

    async def related(self, parent: Object) -> dict[str, dict[str, Object]]:
        """Give the objects by their kind and name. Raises HookError."""
        found: dict[str, dict[str, Object]] = {}
        if not self._spec.customize:
            return found
        key = (parent["metadata"]["namespace"], parent["metadata"]["name"])
        for rule in await self._rules_of(key, parent):
            resource = self._resource(rule)
            objects = found.setdefault(f"{resource.kind}.{resource.api_version}", {})
            snapshot = self._cluster.snapshot(resource)
            for stored in snapshot.at(snapshot.within(key[0])):
                if _selects(rule, key[0], stored):
                    objects[stored.key[1]] = resource.type_meta | stored.value()
        return found

    def parents(self, stored: Stored) -> Iterator[Key]:
        """Objects whose rules, as far as they are known, ask for this one."""
        for _, key, rules in self._rules.values():
            for rule in rules:
                if self._resource(rule) is stored.resource and _selects(rule, key[0], stored):
                    yield key
                    break

    def forget(self, key: Key) -> None:
        """The object is gone."""
        for name in [name for name, kept in self._rules.items() if kept[1] == key]:
            del self._rules[name]

    async def _rules_of(self, key: Key, parent: Object) -> list[Any]:
        metadata = parent["metadata"]
        name = (str(metadata["uid"]), int(metadata.get("generation", 0)))
        now = asyncio.get_running_loop().time()
        kept = self._rules.get(name)
        if kept is not None and now - kept[0] < _KEPT:
            return kept[2]
        request = {"controller": self._spec.manifest(), "parent": parent}
        answer = await self._webhook.call("customize", key, request)
        rules = answer.get("relatedResources") or []
        for rule in rules:
            self._check(rule, key[0])
        self.forget(key)  # its older generations
        self._rules[name] = now, key, rules
        return list(rules)

    def _check(self, rule: Any, namespace: str) -> None:
        """Refuse a rule that metacontroller refuses."""
        self._resource(rule)
        if rule.get("names") and (rule.get("labelSelector") or rule.get("namespaceSelector")):
            raise HookError("related rule cannot have both names and a selector specified")
        if rule.get("namespaceSelector"):
            raise HookError("namespaceSelector is not supported for namespaced parent in v1 hook")
        if rule.get("namespace") not in (None, "", namespace):
            raise HookError(
                f"requested related object namespace {rule['namespace']} differs from parent object"
                f" namespace {namespace}"
            )

    def _resource(self, rule: Any) -> ServedResource:
        for resource in self._cluster.resources:
            if (resource.api_version, resource.plural) == (
                rule.get("apiVersion"),
                rule.get("resource"),
            ):
                return resource
        raise HookError(f"unknown related rule {rule.get('apiVersion')}/{rule.get('resource')}")


def _selects(rule: Any, namespace: str, stored: Stored) -> bool:
    if stored.key[0] != namespace:
        return False
    if rule.get("names"):
        return bool(stored.key[1] in rule["names"])
    selector = rule.get("labelSelector") or {}
    labels = stored.labels
    return all(
        labels.get(name) == value for name, value in selector.get("matchLabels", {}).items()
    ) and all(_meets(one, labels) for one in selector.get("matchExpressions", ()))


def _meets(requirement: dict[str, Any], labels: dict[str, str]) -> bool:
    name, operator = requirement["key"], requirement["operator"]
    if operator == "In":
        return bool(labels.get(name) in requirement["values"])
    if operator == "NotIn":
        return bool(labels.get(name) not in requirement["values"])
    return (name in labels) == bool(operator == "Exists")
