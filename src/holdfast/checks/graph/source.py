"""One template as written."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from holdfast.checks.assembly import AssembledStack
from holdfast.checks.conditions import ConditionSet
from holdfast.checks.document import Document
from holdfast.checks.values import PLAIN


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
