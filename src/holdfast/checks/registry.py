"""Finds the rules: every module below `checks.rules`, entry points, and folders a user names."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import pkgutil
import re
import sys
from collections.abc import Iterable
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType

import holdfast.checks.rules
from holdfast.checks.demands import demand_names
from holdfast.checks.rule import Rule
from holdfast.errors import InvalidRequest

ENTRY_POINT_GROUP = "holdfast.rules"
_ID = re.compile(r"[A-Z][A-Z0-9]{1,9}-?[0-9]{3}")


@cache
def built_in() -> tuple[Rule, ...]:
    """Return Holdfast's own rules, ordered by id."""
    package = holdfast.checks.rules
    names = [m.name for m in pkgutil.walk_packages(package.__path__, f"{package.__name__}.") if not m.ispkg]
    return _ordered(rule for name in names for rule in _rules_of(importlib.import_module(name)))


def all_rules(folders: Iterable[Path] = ()) -> tuple[Rule, ...]:
    """Return the built-in rules, those of installed entry points and those in `folders`, ordered by id.

    Raises:
        InvalidRequest: a folder that does not exist, a rule that is not complete, or an id borne twice.
    """
    found = list(built_in())
    for point in entry_points(group=ENTRY_POINT_GROUP):
        found += _rules_of(point.load())
    for folder in folders:
        found += _from_folder(folder)
    return _ordered(found)


def find_rule(rule_id: str, rules: Iterable[Rule]) -> Rule:
    """Return the rule called `rule_id`, in any case.

    Raises:
        InvalidRequest: there is none.
    """
    for rule in rules:
        if rule.id == rule_id.upper():
            return rule
    raise InvalidRequest(f"rule {rule_id} does not exist; `holdfast check --list-rules` names them all")


def _rules_of(module: ModuleType) -> list[Rule]:
    classes = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Rule) and value.__module__ == module.__name__
    ]
    return [cls() for cls in classes if not inspect.isabstract(cls)]


def _from_folder(folder: Path) -> list[Rule]:
    if not folder.is_dir():
        raise InvalidRequest(f"rules folder {folder} does not exist; name a folder of Python files")
    found: list[Rule] = []
    for number, path in enumerate(sorted(folder.rglob("*.py"))):
        spec = importlib.util.spec_from_file_location(
            f"holdfast_user_rules.{path.parent.name}.{path.stem}_{number}", path
        )
        if spec is None or spec.loader is None:
            continue
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        try:
            spec.loader.exec_module(module)
        except (ImportError, SyntaxError, NameError, AttributeError) as error:
            raise InvalidRequest(f"rule file {path} cannot be imported: {error}") from error
        found += _rules_of(module)
    return found


def _ordered(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    by_id: dict[str, Rule] = {}
    for rule in rules:
        _require_complete(rule)
        if rule.id in by_id:
            others = f"{type(by_id[rule.id]).__module__} and {type(rule).__module__}"
            raise InvalidRequest(f"rule id {rule.id} is borne twice, in {others}: choose another")
        by_id[rule.id] = rule
    return tuple(by_id[rule_id] for rule_id in sorted(by_id))


def _require_complete(rule: Rule) -> None:
    name = type(rule).__name__
    for attribute in ("id", "remediation", "source"):
        if not isinstance(getattr(rule, attribute, None), str):
            raise InvalidRequest(f"rule {name} has no {attribute}: write it as a class attribute")
    if not _ID.fullmatch(rule.id):
        raise InvalidRequest(f"rule {name} has id {rule.id!r}: allowed are capitals and three digits, as in RDS002")
    unknown = set(rule.demand) - demand_names()
    if unknown or not rule.title:
        raise InvalidRequest(f"rule {rule.id} is not complete: unknown demand {sorted(unknown)} or no docstring")
