"""The three-template harness: what every rule, ours or a user's, is tested with.

A folder named after the rule's id holds `passing.yaml`, `failing.yaml` and `undecided.yaml` (or .json; or a folder of
templates that form one system; more of each as `passing-<why>.yaml`), and `settings.yaml` when the rule has demands.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

from holdfast.checks.demands import Demands, from_file
from holdfast.checks.document import SUFFIXES
from holdfast.checks.engine import check_sources, read_sources
from holdfast.checks.finding import Finding, Outcome
from holdfast.checks.rule import Rule
from holdfast.errors import InvalidRequest

KINDS = ("passing", "failing", "undecided")


def cases(folder: Path) -> list[tuple[str, Path]]:
    """Return (kind, template or folder) for everything in a rule's folder, in name order.

    Raises:
        InvalidRequest: one of the three kinds is missing.
    """
    found = []
    for child in sorted(folder.iterdir()):
        kind = child.name.split(".")[0].split("-")[0]
        if kind in KINDS and (child.is_dir() or child.suffix in SUFFIXES):
            found.append((kind, child))
    missing = [kind for kind in KINDS if kind not in {kind for kind, _ in found}]
    if missing:
        raise InvalidRequest(f"{folder.name} has no {', no '.join(missing)} template: add {missing[0]}.yaml")
    return found


def findings_of(rule: Rule, path: Path, *, today: date = date(2026, 11, 21)) -> list[Finding]:
    """Return what one rule alone finds in one system, under the `settings.yaml` beside it if there is one.

    Raises:
        InvalidRequest: a template or the settings cannot be read.
    """
    files = sorted(child for child in path.rglob("*") if child.suffix in SUFFIXES) if path.is_dir() else [path]
    sources, problems = read_sources([file for file in files if file.name != "manifest.json"])
    if problems:
        raise InvalidRequest("; ".join(problems))
    settings = path.parent / "settings.yaml"
    demands = from_file(settings, {}) if settings.exists() else Demands()
    found = check_sources(sources, [rule], demands, today).findings
    return [finding for finding in found if finding.rule == rule.id]


def complaint(rule: Rule, kind: str, path: Path) -> str | None:
    """Return what is wrong with a rule's verdict on one case; None when it is right."""
    outcomes = [finding.outcome for finding in findings_of(rule, path)]
    if kind == "passing" and outcomes:
        return f"{rule.id} finds {len(outcomes)} in {path.name}, where all is well"
    if kind == "failing" and Outcome.VIOLATED not in outcomes:
        return f"{rule.id} does not see what is wrong in {path.name}"
    if kind == "undecided" and (Outcome.VIOLATED in outcomes or Outcome.UNDECIDED not in outcomes):
        return f"{rule.id} does not say that it cannot tell in {path.name}, but {outcomes}"
    return None
