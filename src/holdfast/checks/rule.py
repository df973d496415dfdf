"""The base of every rule. One rule is one class in one file; `docs/design/checks.md` shows how to write one."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from typing import ClassVar

from holdfast.checks.demands import Demands
from holdfast.checks.finding import Finding, Outcome, Severity
from holdfast.checks.graph.resource import Resource
from holdfast.checks.graph.system import System
from holdfast.checks.graph.template import Template
from holdfast.checks.identity import describe
from holdfast.checks.values import Undecided, Value


class Rule(ABC):
    """A law about templates. Its docstring's first line says what holds when the rule passes.

    `demand` names the settings without which the rule is silent. A rule never raises on any template.
    """

    id: ClassVar[str]
    severity: ClassVar[Severity] = Severity.ERROR
    remediation: ClassVar[str]
    source: ClassVar[str]
    demand: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def run(self, system: System) -> Iterable[Finding]:
        """Yield the findings of one system in one scenario."""

    @property
    def title(self) -> str:
        """The law in one sentence: the first line of the docstring."""
        return (type(self).__doc__ or "").strip().splitlines()[0].rstrip(".")

    @property
    def rationale(self) -> str:
        """Why, in the rest of the docstring; empty when the law speaks for itself."""
        return "\n".join(inspect.cleandoc(type(self).__doc__ or "").splitlines()[2:]).strip()

    @property
    def topic(self) -> str:
        """The folder the rule lives in."""
        return type(self).__module__.rsplit(".", 2)[-2]

    def wanted(self, demands: Demands) -> bool:
        """Tell whether every demand the rule serves is made."""
        return not self.demand or all(demands.made(name) for name in self.demand)

    def concerns(self, types: AbstractSet[str]) -> bool:
        """Tell whether the rule has something to say about templates with resources of these types only."""
        return True

    def violated(self, resource: Resource, prop: str, message: str) -> Finding:
        """Return a finding at `prop` (a dotted path, or DeletionPolicy and its like; "" is the resource itself)."""
        return self._finding(resource, prop, message, Outcome.VIOLATED)

    def undecided(self, resource: Resource, prop: str, value: Value = None) -> Finding:
        """Return that the template cannot show whether the law holds; `value` is what cannot be known, or why."""
        reason = value.reason if isinstance(value, Undecided) else describe(value) if value is not None else prop
        return self._finding(resource, prop, f"cannot tell whether {_lower(self.title)}: {reason}", Outcome.UNDECIDED)

    def judged(self, resource: Resource, prop: str, holds: bool | Undecided, message: str) -> Iterator[Finding]:
        """Yield nothing when the law holds, `message` when it does not, and undecided when nobody can tell."""
        if isinstance(holds, Undecided):
            yield self.undecided(resource, prop, holds)
        elif not holds:
            yield self.violated(resource, prop, message)

    def violated_template(self, template: Template, path: str, message: str) -> Finding:
        """Return a finding outside the resources: `path` is `Outputs.Name`, `Parameters.Name` or empty."""
        return self._place(template, "", path, tuple(path.split(".")) if path else (), message, Outcome.VIOLATED)

    def undecided_template(self, template: Template, path: str, reason: str) -> Finding:
        """Return an undecided finding outside the resources."""
        message = f"cannot tell whether {_lower(self.title)}: {reason}"
        return self._place(template, "", path, tuple(path.split(".")) if path else (), message, Outcome.UNDECIDED)

    def _finding(self, resource: Resource, prop: str, message: str, outcome: Outcome) -> Finding:
        path = resource.raw_path(prop)
        return self._place(resource.template, resource.logical_id, prop, path, message, outcome, resource)

    def _place(
        self,
        template: Template,
        logical_id: str,
        prop: str,
        path: tuple[str | int, ...],
        message: str,
        outcome: Outcome,
        resource: Resource | None = None,
    ) -> Finding:
        return Finding(
            rule=self.id,
            severity=self.severity,
            outcome=outcome,
            template=template.name,
            stack=template.stack,
            logical_id=logical_id,
            property=prop,
            line=template.source.document.line(path),
            message=" ".join(message.split()),
            remediation=self.remediation,
            source=self.source,
            construct=resource.construct_path if resource else None,
            when=template.system.scenario.label(template.name),
        )


class ResourceRule(Rule):
    """A rule that looks at each resource of some types; it may follow the resource's references anywhere."""

    resource_types: ClassVar[tuple[str, ...]]

    def concerns(self, types: AbstractSet[str]) -> bool:
        """Tell whether a resource of the rule's types is there."""
        return any(kind in types for kind in self.resource_types)

    def run(self, system: System) -> Iterable[Finding]:
        """Check every resource of the types in template order."""
        return (finding for one in system.resources(*self.resource_types) for finding in self.check(one))

    @abstractmethod
    def check(self, resource: Resource) -> Iterator[Finding]:
        """Yield the findings about one resource."""


class SystemRule(Rule):
    """A rule that looks at all templates at once."""

    def run(self, system: System) -> Iterable[Finding]:
        """Check the system."""
        return self.check(system)

    @abstractmethod
    def check(self, system: System) -> Iterator[Finding]:
        """Yield the findings about the system."""


def _lower(title: str) -> str:
    """Begin a title in lower case, unless its first word is a name (CloudTrail, AWS)."""
    first = title.split(" ", 1)[0]
    return title[:1].lower() + title[1:] if first[1:].islower() or len(first) == 1 else title
