"""Other checkers' findings in our form, to be shown beside ours.

cdk-nag looks at constructs while an app is synthesized, so it cannot be run on templates: what it left in the cloud
assembly is read. Version 3 writes `validation-report.json`, version 2 a `*NagReport.json` for each stack.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from holdfast.checks.assembly import read_assembly
from holdfast.checks.document import load
from holdfast.checks.finding import Finding, Outcome, Severity
from holdfast.errors import InvalidRequest, NotFound

CDK_NAG = "https://github.com/cdklabs/cdk-nag/blob/main/RULES.md"
_REPORT = "validation-report.json"


def findings_of(peer: str, paths: Sequence[Path]) -> list[Finding]:
    """Return what `cfn-lint` says of templates, or what `cdk-nag` wrote into a cloud assembly.

    Raises:
        InvalidRequest: the peer is not installed, or its report cannot be read.
        NotFound: no report of cdk-nag in any folder of `paths`.
    """
    if peer == "cfn-lint":
        from holdfast.checks.lint import lint

        return lint(paths)
    folders = list(dict.fromkeys(path if path.is_dir() else path.parent for path in paths))
    reports = [folder / _REPORT for folder in folders if (folder / _REPORT).is_file()]
    older = [report for folder in folders for report in sorted(folder.glob("*NagReport.json"))]
    if not reports and not older:
        raise NotFound(f"no {_REPORT} and no NagReport.json beside the templates: run cdk synth with a pack of cdk-nag")
    return [found for path in reports for found in _of_pack(path)] + [one for path in older for one in _of_stack(path)]


def _of_pack(path: Path) -> Iterator[Finding]:
    """Read what the packs of version 3 left among the CDK's validation reports; their rules begin with their name."""
    places, nowhere = _places(path.parent), (str(path), path.parent.name, "", 1)
    for plugin in _part(path, "pluginReports"):
        pack = str(plugin.get("pluginName"))
        for violation in _mappings(plugin.get("violations")):
            rule = str(violation.get("ruleName", ""))
            if not rule.startswith(f"{pack}-"):
                continue
            for one in _mappings(violation.get("violatingConstructs")):
                construct = str(one.get("constructPath", ""))
                text, severe = str(violation.get("description", "")), violation.get("severity") == "error"
                yield _finding(rule, text, construct, severe, *places.get(construct, nowhere))


def _of_stack(path: Path) -> Iterator[Finding]:
    stack = path.name.split("-", 1)[-1].removesuffix("-NagReport.json")
    for line in _part(path, "lines"):
        if line.get("compliance") == "Non-Compliant":
            rule, text, construct = (str(line.get(key, "")) for key in ("ruleId", "ruleInfo", "resourceId"))
            yield _finding(rule, text, construct, line.get("ruleLevel") == "Error", str(path), stack, "", 1)


def _places(assembly: Path) -> dict[str, tuple[str, str, str, int]]:
    """Return construct path to (template, stack, logical id, line)."""
    found = {}
    for file, stack in read_assembly(assembly).items():
        template = load(assembly / file)
        for logical_id, construct in stack.constructs.items():
            line = template.line(("Resources", logical_id))
            found[construct] = (str(assembly / file), stack.name, logical_id, line)
    return found


def _part(path: Path, key: str) -> list[dict[str, Any]]:
    try:
        return _mappings(json.loads(path.read_text(encoding="utf-8"))[key])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidRequest(f"{path} is no report of cdk-nag: {error}") from error


def _mappings(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _finding(
    rule: str, message: str, construct: str, severe: bool, template: str, stack: str, logical_id: str, line: int
) -> Finding:
    return Finding(
        rule=rule,
        severity=Severity.ERROR if severe else Severity.WARNING,
        outcome=Outcome.VIOLATED,
        template=template,
        stack=stack,
        logical_id=logical_id,
        property="",
        line=line,
        message=message,
        remediation="See the rule in cdk-nag's list.",
        source=CDK_NAG,
        construct=construct or None,
    )
