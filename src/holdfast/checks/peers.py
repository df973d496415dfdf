"""Other checkers' findings in our form, to be shown beside ours."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from holdfast.checks.finding import Finding, Outcome, Severity
from holdfast.errors import InvalidRequest, NotFound

CDK_NAG = "https://github.com/cdklabs/cdk-nag/blob/main/RULES.md"


def findings_of(peer: str, paths: Sequence[Path]) -> list[Finding]:
    """Return what `cfn-lint` says of templates, or what `cdk-nag` wrote into a cloud assembly.

    Raises:
        InvalidRequest: the peer is not installed, or its report cannot be read.
        NotFound: no report of cdk-nag in any folder of `paths`.
    """
    if peer == "cfn-lint":
        from holdfast.checks.lint import lint

        return lint(paths)
    return [finding for path in _nag_reports(paths) for finding in _nag_findings(path)]


def _nag_reports(paths: Sequence[Path]) -> list[Path]:
    folders = [path if path.is_dir() else path.parent for path in paths]
    found = [report for folder in dict.fromkeys(folders) for report in sorted(folder.glob("*NagReport.json"))]
    if not found:
        raise NotFound("no NagReport.json of cdk-nag beside the templates: add NagReportFormat.JSON to reportFormats")
    return found


def _nag_findings(path: Path) -> Iterator[Finding]:
    try:
        lines: list[Any] = json.loads(path.read_text(encoding="utf-8"))["lines"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidRequest(f"{path} is no report of cdk-nag: {error}") from error
    for line in lines:
        if isinstance(line, dict) and line.get("compliance") == "Non-Compliant":
            severe = line.get("ruleLevel") == "Error"
            yield Finding(
                rule=str(line.get("ruleId", "")),
                severity=Severity.ERROR if severe else Severity.WARNING,
                outcome=Outcome.VIOLATED,
                template=str(path),
                stack=path.name.split("-", 1)[-1].removesuffix("-NagReport.json"),
                logical_id="",
                property="",
                line=1,
                message=str(line.get("ruleInfo", "")),
                remediation="See the rule in cdk-nag's list.",
                source=CDK_NAG,
                construct=str(line.get("resourceId", "")) or None,
            )
