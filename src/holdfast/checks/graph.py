"""The templates of one system in one scenario: resources, what they hold, and who refers to whom.

This is what rules see. Everything is resolved when it is first asked for and then kept.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from functools import cached_property, wraps
from typing import Any, TypeVar

from holdfast.checks.assembly import AssembledStack
from holdfast.checks.conditions import ConditionSet, Scenario, scenarios
from holdfast.checks.demands import Demands
from holdfast.checks.document import Document
from holdfast.checks.identity import NameIndex, aliases
from holdfast.checks.intrinsics import NO_VALUE, Resolver
from holdfast.checks.values import (
    PLAIN,
    Pseudo,
    Reference,
    Text,
    Undecided,
    Value,
    as_text,
    references,
)

Path = tuple[str | int, ...]
_T = TypeVar("_T")
MISSING = object()
_ATTRIBUTES = frozenset(
    {
        "Condition",
        "CreationPolicy",
        "DeletionPolicy",
        "DependsOn",
        "Metadata",
        "Type",
        "UpdatePolicy",
        "UpdateReplacePolicy",
    }
)


class Source:
    """One template as written: its document, stack name and region; shared by all scenarios."""

    def __init__(
        self, document: Document, *, stack: str, region: str | None = None, assembled: AssembledStack | None = None
    ) -> None:
        self.document = document
        self.name = document.path
        self.stack = stack
        self.region = region
        self._assembled = assembled
        self.data = document.data
        self.resources: dict[str, dict[str, Any]] = {
            str(logical_id): body
            for logical_id, body in self.data["Resources"].items()
            if isinstance(body, dict) and isinstance(body.get("Type"), str)
        }

    def construct_of(self, logical_id: str) -> str | None:
        """Return the path of the CDK construct that made a resource; None where nothing tells."""
        metadata = self.resources.get(logical_id, {}).get("Metadata")
        path = metadata.get("aws:cdk:path") if isinstance(metadata, dict) else None
        if isinstance(path, str):
            return path
        return self._assembled.constructs.get(logical_id) if self._assembled else None

    def section(self, name: str) -> dict[str, Any]:
        """Return a top-level section; empty when it is absent or no mapping."""
        section = self.data.get(name)
        return section if isinstance(section, dict) else {}

    @cached_property
    def conditions(self) -> ConditionSet:
        """The conditions that something other than CDK's own metadata uses."""
        used: set[str] = set()
        if not self.section("Conditions"):
            return ConditionSet(self.data, used)
        for body in self.resources.values():
            if body["Type"] != "AWS::CDK::Metadata":
                _collect_conditions(body, used)
        _collect_conditions(self.section("Outputs"), used)
        return ConditionSet(self.data, used)


class Template:
    """One template in one scenario."""

    def __init__(self, source: Source, system: System) -> None:
        self.source = source
        self.system = system
        self.name = source.name
        self.stack = source.stack
        self.region = source.region
        self.mappings: Mapping[str, Any] = source.section("Mappings")
        self.resolver = Resolver(self)
        self.same_everywhere = system.same_everywhere.get(source.name, {})
        self._parameters = source.section("Parameters")
        self._answers = system.scenario.conditions.get(source.name, {})
        self.resources: dict[str, Resource] = {
            logical_id: Resource(self, logical_id, body)
            for logical_id, body in source.resources.items()
            if self._exists(body)
        }

    def has_parameter(self, name: str) -> bool:
        """Tell whether the template declares it."""
        return name in self._parameters

    def has_resource(self, logical_id: str) -> bool:
        """Tell whether the template declares it, in any scenario."""
        return logical_id in self.source.resources

    def parameter(self, name: str) -> Value:
        """Return a parameter's value: what a parent stack passes, the scenario's, or its default."""
        declaration = self._parameters.get(name)
        if not isinstance(declaration, dict):
            return Undecided(f"parameter {name} is not declared as a mapping")
        passed = self.system.passed_parameter(self, name)
        if passed is not MISSING:
            return passed
        kind = str(declaration.get("Type", "String"))
        if kind.startswith("AWS::SSM::Parameter::"):
            return Undecided(f"parameter {name} is read from Parameter Store at deployment")
        value = self.system.scenario.parameters.get(name, declaration.get("Default", MISSING))
        if value is MISSING:
            return Undecided(f"parameter {name} has no default")
        if isinstance(value, Undecided):
            return Undecided(f"parameter {name} may be anything")
        return _typed(kind, value)

    def allowed_values(self, name: str) -> list[Any]:
        """Return every value the template lets a parameter take; empty when it does not say."""
        declaration = self._parameters.get(name)
        allowed = declaration.get("AllowedValues") if isinstance(declaration, dict) else None
        return allowed if isinstance(allowed, list) else []

    def condition(self, name: str) -> bool | None:
        """Return a condition's answer in this scenario; None when it cannot be known."""
        return self._answers.get(name)

    def imported(self, name: Value) -> Value:
        """Return what another template of the system exports under `name`."""
        return self.system.exported(name, self)

    def attribute(self, logical_id: str, attribute: str) -> Value:
        """Return `Fn::GetAtt`: a reference, or the output of a nested stack that the system holds."""
        if attribute.startswith("Outputs."):
            nested = self.system.nested(self, logical_id)
            if nested is not None:
                return nested.outputs.get(attribute.removeprefix("Outputs."), Undecided(f"no output {attribute}"))
        return Reference(self.name, logical_id, attribute)

    @cached_property
    def outputs(self) -> dict[str, Value]:
        """The value of every output that exists in this scenario."""
        return {name: self.resolver.resolve(body.get("Value")) for name, body in self._output_bodies()}

    @cached_property
    def exports(self) -> dict[str, tuple[Value, Value]]:
        """Output name to (export name, value), both resolved."""
        found = {}
        for name, body in self._output_bodies():
            export = body.get("Export")
            if isinstance(export, dict) and "Name" in export:
                found[name] = (self.resolver.resolve(export["Name"]), self.outputs[name])
        return found

    def _output_bodies(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for name, body in self.source.section("Outputs").items():
            if isinstance(body, dict) and self._exists(body):
                yield name, body

    def _exists(self, body: Mapping[str, Any]) -> bool:
        condition = body.get("Condition")
        return not isinstance(condition, str) or self._answers.get(condition) is not False

    def __repr__(self) -> str:
        return f"Template({self.name})"


class Resource:
    """One resource in one scenario. `get` reads a property by its dotted path."""

    def __init__(self, template: Template, logical_id: str, body: Mapping[str, Any]) -> None:
        self.template = template
        self.system = template.system
        self.logical_id = logical_id
        self.type: str = body["Type"]
        self.body = body
        self.kept: dict[Any, Any] = {}
        """What `once` remembers of it."""

    @cached_property
    def properties(self) -> dict[str, Value]:
        """The resolved `Properties`; empty when they are absent or no mapping. Nobody may change them."""
        same = self.template.same_everywhere.get(self.logical_id)
        if same is not None and "properties" in same:
            known: dict[str, Value] = same["properties"]
            return known
        value = self.template.resolver.resolve(self.body.get("Properties"))
        properties = value if isinstance(value, dict) else {}
        if same is not None:
            same["properties"] = properties
        return properties

    @property
    def properties_known(self) -> bool:
        """False when the whole of `Properties` comes from a macro or an include."""
        raw = self.body.get("Properties")
        return raw is None or isinstance(self.template.resolver.resolve(raw), dict)

    def get(self, path: str, default: Value = None) -> Value:
        """Return the value at `path` (`A.B.0.C`), `default` when absent, `Undecided` when it cannot be known."""
        here: Value = self.properties
        for part in path.split("."):
            if isinstance(here, dict):
                here = here.get(part, MISSING)
            elif isinstance(here, list) and part.isdigit():
                here = here[int(part)] if int(part) < len(here) else MISSING
            elif isinstance(here, Undecided):
                return here
            else:
                return Undecided(f"{path} is computed at deployment")
            if here is MISSING or here is None:
                return default
        return here

    def raw(self, path: str) -> Any:
        """Return the unresolved value at `path`, in the branch each `Fn::If` takes here; None when absent."""
        here: Any = self._branch(self.body.get("Properties"))
        for part in path.split("."):
            here = self._branch(here.get(part)) if isinstance(here, dict) else None
        return here

    def _branch(self, raw: Any) -> Any:
        while isinstance(raw, dict) and isinstance(choice := raw.get("Fn::If"), list) and len(choice) == 3:
            raw = choice[2 if self.template.condition(str(choice[0])) is False else 1]
        return raw

    def raw_path(self, prop: str) -> Path:
        """Return where `prop` stands in the raw template, through the branch each `Fn::If` takes here."""
        parts: list[str | int] = ["Resources", self.logical_id]
        steps = prop.split(".") if prop else []
        here: Any = self.body
        if steps and steps[0] not in _ATTRIBUTES:
            here = here.get("Properties")
            parts.append("Properties")
        for step in steps:
            while isinstance(here, dict) and isinstance(branch := here.get("Fn::If"), list) and len(branch) == 3:
                index = 2 if self.template.condition(str(branch[0])) is False else 1
                parts += ["Fn::If", index]
                here = branch[index]
            if isinstance(here, dict) and step in here:
                parts.append(step)
                here = here[step]
            elif isinstance(here, list) and step.isdigit() and int(step) < len(here):
                parts.append(int(step))
                here = here[int(step)]
            else:
                break
        return tuple(parts)

    def policy(self, name: str) -> str | None:
        """Return `DeletionPolicy` or `UpdateReplacePolicy` as text; None when absent."""
        return as_text(self.template.resolver.resolve(self.body.get(name)))

    @property
    def depends_on(self) -> list[Resource]:
        """The resources named in `DependsOn` that exist in this scenario."""
        raw = self.body.get("DependsOn")
        names = [raw] if isinstance(raw, str) else raw if isinstance(raw, list) else []
        found = (self.template.resources.get(name) for name in names if isinstance(name, str))
        return [resource for resource in found if resource is not None]

    @property
    def metadata(self) -> Mapping[str, Any]:
        """The raw `Metadata`; empty when absent."""
        metadata = self.body.get("Metadata")
        return metadata if isinstance(metadata, dict) else {}

    @property
    def construct_path(self) -> str | None:
        """Where CDK made it; None for other templates."""
        return self.template.source.construct_of(self.logical_id)

    @property
    def reference(self) -> Reference:
        """What `Ref` of it resolves to."""
        return Reference(self.template.name, self.logical_id)

    @cached_property
    def references(self) -> list[tuple[Path, Reference]]:
        """Every reference its properties hold, with the path of each."""
        same = self.template.same_everywhere.get(self.logical_id)
        if same is not None and "references" in same:
            known: list[tuple[Path, Reference]] = same["references"]
            return known
        found: list[tuple[Path, Reference]] = []
        _references_in(self.properties, (), found)
        if same is not None:
            same["references"] = found
        return found

    @property
    def referrers(self) -> Sequence[tuple[Resource, Path, Reference]]:
        """Every resource of the system whose properties refer to it."""
        return self.system.referrers(self)

    @property
    def tags(self) -> Mapping[str, Value] | Undecided:
        """Its tags by key, whichever of CloudFormation's two shapes they have."""
        return _tags(self.get("Tags", self.get("FileSystemTags", self.get("BackupPlanTags"))))

    def __repr__(self) -> str:
        return f"Resource({self.logical_id}: {self.type})"


def once(read: Callable[[Resource], _T]) -> Callable[[Resource], _T]:
    """Ask `read` once for each resource of a system; what it returned is returned again, so nobody may change it."""

    @wraps(read)
    def remembered(resource: Resource) -> _T:
        if read not in resource.kept:
            resource.kept[read] = read(resource)
        known: _T = resource.kept[read]
        return known

    return remembered


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


def _collect_conditions(raw: Any, used: set[str]) -> None:
    stack = [raw]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            branch = item.get("Fn::If")
            if isinstance(branch, list) and branch and isinstance(branch[0], str):
                used.add(branch[0])
            condition = item.get("Condition")
            if isinstance(condition, str):
                used.add(condition)
            stack.extend(one for one in item.values() if type(one) not in PLAIN)
        elif isinstance(item, list):
            stack.extend(one for one in item if type(one) not in PLAIN)


def _references_in(value: Value, path: Path, found: list[tuple[Path, Reference]]) -> None:
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            if type(item) not in PLAIN:
                _references_in(item, (*path, key), found)
    elif isinstance(value, Reference):
        found.append((path, value))
    elif isinstance(value, Text):
        found.extend((path, part) for part in value.parts if isinstance(part, Reference))


def _typed(kind: str, value: Any) -> Value:
    if kind == "Number" and isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            try:
                return float(value)
            except ValueError:
                return value
    if (kind == "CommaDelimitedList" or kind.startswith("List<")) and isinstance(value, str):
        return [item.strip() for item in value.split(",")] if value else []
    return value


def _tags(value: Value) -> Mapping[str, Value] | Undecided:
    if value is None:
        return {}
    if isinstance(value, dict):
        return value
    if isinstance(value, list):
        found: dict[str, Value] = {}
        for item in value:
            if isinstance(item, Undecided):
                return item
            if isinstance(item, dict) and isinstance(item.get("Key"), str):
                found[item["Key"]] = item.get("Value")
        return found
    return value if isinstance(value, Undecided) else Undecided("tags known at deployment")


def _literal_tail(name: Text) -> str:
    last = name.parts[-1]
    return last if isinstance(last, str) and len(last) > 1 else "\0"
