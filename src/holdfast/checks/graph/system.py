"""The templates that are deployed together, in each scenario worth checking."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from functools import cached_property
from typing import Any

from holdfast.checks.conditions import Scenario, scenarios
from holdfast.checks.demands import Demands
from holdfast.checks.graph.resource import Path, Resource
from holdfast.checks.graph.source import Source
from holdfast.checks.graph.template import Template
from holdfast.checks.identity import NameIndex, aliases
from holdfast.checks.intrinsics import NO_VALUE
from holdfast.checks.values import MISSING, Pseudo, Reference, Text, Undecided, Value, as_text, references


class System:
    """The templates that are deployed together, in one scenario, and what is demanded of them."""

    def __init__(
        self,
        sources: Sequence[Source],
        scenario: Scenario,
        demands: Demands,
        today: date,
        same_everywhere: Mapping[str, dict[str, dict[str, Any]]] | None = None,
    ) -> None:
        self.scenario = scenario
        self.same_everywhere = same_everywhere or {}
        self.demands = demands
        self.today = today
        self._passing: set[tuple[str, str]] = set()
        self._exporting = False
        self.templates = [Template(source, self) for source in sources]
        self._by_name = {template.name: template for template in self.templates}
        self._by_type: dict[str, list[Resource]] = {}
        for template in self.templates:
            for resource in template.resources.values():
                self._by_type.setdefault(resource.type, []).append(resource)

    def resources(self, *types: str) -> list[Resource]:
        """Return the resources of these types in template order; all of them when no type is named."""
        if len(types) == 1:
            return self._by_type.get(types[0], [])
        if types:
            return [resource for kind in types for resource in self._by_type.get(kind, ())]
        return [resource for template in self.templates for resource in template.resources.values()]

    def resource(self, reference: Reference) -> Resource | None:
        """Return what a reference points to; None when its condition is false in this scenario."""
        template = self._by_name.get(reference.template)
        return template.resources.get(reference.logical_id) if template else None

    def find(self, value: Value, *types: str) -> Resource | None:
        """Return the resource that `value` names: by reference, ARN, URL, alias or physical name.

        A text that holds a reference (`${Bucket.Arn}/*`) names what it refers to. With `types`, only such a resource.
        """
        for reference in references(value):
            resource = self.resource(reference)
            if resource is not None and (not types or resource.type in types):
                return resource
        if isinstance(value, str | Text | Pseudo):
            return self.names.find(str(value), types)
        return None

    @cached_property
    def names(self) -> NameIndex[Resource]:
        """Physical names and ARNs that the templates fix, to the resources that bear them."""
        index: NameIndex[Resource] = NameIndex()
        for resource in self.resources():
            for alias in aliases(resource.type, resource.get, resource.template.region):
                index.add(alias, resource, resource.type)
        return index

    def referrers(self, resource: Resource) -> Sequence[tuple[Resource, Path, Reference]]:
        """Return who refers to `resource`, with the path and the reference."""
        return self._incoming.get((resource.template.name, resource.logical_id), [])

    @cached_property
    def _incoming(self) -> dict[tuple[str, str], list[tuple[Resource, Path, Reference]]]:
        incoming: dict[tuple[str, str], list[tuple[Resource, Path, Reference]]] = {}
        for resource in self.resources():
            for path, reference in resource.references:
                key = (reference.template, reference.logical_id)
                incoming.setdefault(key, []).append((resource, path, reference))
        return incoming

    def exported(self, name: Value, importer: Template) -> Value:
        """Return what another template than the importer exports under `name`; undecided when none does for sure."""
        if self._exporting:
            return Undecided(f"exports refer to each other in a circle: {name}")
        self._exporting = True
        try:
            return self._find_export(name, importer)
        finally:
            self._exporting = False

    def _find_export(self, name: Value, importer: Template) -> Value:
        wanted = as_text(name)
        if wanted is None:
            return Undecided("the name of an import is no text")
        by_tail: list[Value] = []
        for template in self.templates:
            if template is importer:
                continue
            for export, value in template.exports.values():
                text = as_text(export)
                if text is None:
                    continue
                if wanted in (text, text.replace("${AWS::StackName}", template.stack)):
                    return value
                if isinstance(name, Text) and text.endswith(_literal_tail(name)):
                    by_tail.append(value)
        if len(by_tail) == 1:
            return by_tail[0]
        return Undecided(f"import of {wanted}: no template of the system exports it")

    def nested(self, parent: Template, logical_id: str) -> Template | None:
        """Return the template of a nested stack when it is among the templates of the system."""
        body = parent.source.resources.get(logical_id, {})
        if body.get("Type") != "AWS::CloudFormation::Stack":
            return None
        metadata = body.get("Metadata")
        asset = metadata.get("aws:asset:path") if isinstance(metadata, dict) else None
        properties = body.get("Properties")
        url = properties.get("TemplateURL") if isinstance(properties, dict) else None
        names = {str(name).rsplit("/", 1)[-1] for name in (asset, url) if isinstance(name, str)}
        matches = [t for t in self.templates if t is not parent and t.name.rsplit("/", 1)[-1] in names]
        return matches[0] if len(matches) == 1 else None

    def passed_parameter(self, template: Template, name: str) -> Value:
        """Return what a parent stack passes as parameter `name`; `MISSING` when none does."""
        key = (template.name, name)
        if key in self._passing:
            return Undecided(f"parameter {name} refers to itself")
        self._passing.add(key)
        try:
            for parent, logical_id in self._parents.get(template.name, ()):
                properties = parent.source.resources[logical_id].get("Properties")
                passed = properties.get("Parameters") if isinstance(properties, dict) else None
                if isinstance(passed, dict) and name in passed:
                    value = parent.resolver.resolve(passed[name])
                    return MISSING if value is NO_VALUE else value
        finally:
            self._passing.discard(key)
        return MISSING

    @cached_property
    def _parents(self) -> dict[str, list[tuple[Template, str]]]:
        parents: dict[str, list[tuple[Template, str]]] = {}
        for template in self.templates:
            for logical_id in template.source.resources:
                child = self.nested(template, logical_id)
                if child is not None:
                    parents.setdefault(child.name, []).append((template, logical_id))
        return parents


def systems(sources: Sequence[Source], demands: Demands, today: date) -> Iterator[System]:
    """Yield the system in each scenario worth checking; the defaults come first."""
    conditions = {source.name: source.conditions for source in sources}
    regions = {source.region or demands.region for source in sources}
    fixed = {"AWS::Region": next(iter(regions))} if len(regions) == 1 and None not in regions else {}
    found = scenarios(conditions, fixed)
    same = {source.name: _same_everywhere(source, found) for source in sources} if len(found) > 1 else {}
    if any(body["Type"] == "AWS::CloudFormation::Stack" for source in sources for body in source.resources.values()):
        same = {}  # What a parent passes may differ where nothing in the child does.
    for scenario in found:
        yield System(sources, scenario, demands, today, same)


def _same_everywhere(source: Source, found: Sequence[Scenario]) -> dict[str, dict[str, Any]]:
    """Return an empty place for each resource that speaks of nothing that differs between the scenarios.

    What is resolved of it in one scenario is left there for the others. A name that merely occurs in its text counts
    as spoken of.
    """
    varying = {*found[0].parameters, *found[0].conditions.get(source.name, ()), "Fn::ImportValue"}
    places: dict[str, dict[str, Any]] = {}
    for logical_id, body in source.resources.items():
        text = json.dumps(body.get("Properties"))
        if not any(name in text for name in varying):
            places[logical_id] = {}
    return places


def _literal_tail(name: Text) -> str:
    last = name.parts[-1]
    return last if isinstance(last, str) and len(last) > 1 else "\0"
