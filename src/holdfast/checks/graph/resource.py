"""One resource in one scenario, and what is read of it once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, wraps
from typing import TYPE_CHECKING, Any, TypeVar

from holdfast.checks.values import MISSING, PLAIN, Reference, Text, Undecided, Value, as_text

if TYPE_CHECKING:
    from holdfast.checks.graph.template import Template

Path = tuple[str | int, ...]
_T = TypeVar("_T")
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


def _references_in(value: Value, path: Path, found: list[tuple[Path, Reference]]) -> None:
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            if type(item) not in PLAIN:
                _references_in(item, (*path, key), found)
    elif isinstance(value, Reference):
        found.append((path, value))
    elif isinstance(value, Text):
        found.extend((path, part) for part in value.parts if isinstance(part, Reference))


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
