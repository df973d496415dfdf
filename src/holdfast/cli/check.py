"""`holdfast check PATH...`: look for mistakes in CloudFormation templates."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from holdfast.errors import ExitStatus

if TYPE_CHECKING:
    from holdfast.checks.finding import Finding


@click.command("check")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=click.Path(path_type=Path))
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--fail-on", type=click.Choice(["error", "warning"]), default="error", show_default=True)
def command(paths: tuple[Path, ...], form: str, fail_on: str) -> int:
    """Check any CloudFormation JSON or YAML. Each PATH is a file, or a folder of templates.

    Exit status: 0 nothing at or above --fail-on was found; 1 something was; 4 no such template.
    """
    from holdfast.checks.lint import lint, templates_of

    begun = time.perf_counter()
    templates = templates_of(paths)
    findings = lint(templates)
    seconds = time.perf_counter() - begun
    click.echo(_as_json(findings, len(templates), seconds) if form == "json" else _as_text(findings, len(templates)))
    severe = [one for one in findings if one.severity == "error" or fail_on == "warning"]
    return ExitStatus.ANSWER_IS_NO if severe else ExitStatus.DONE


def _as_text(findings: Sequence[Finding], templates: int) -> str:
    lines = [f"{f.template}:{f.line}: {f.severity}: {f.rule} {f.logical_id} {f.message}" for f in findings]
    return "\n".join([*lines, f"{len(findings)} findings in {templates} templates"])


def _as_json(findings: Sequence[Finding], templates: int, seconds: float) -> str:
    errors = sum(one.severity == "error" for one in findings)
    summary = {
        "templates": templates,
        "errors": errors,
        "warnings": len(findings) - errors,
        "seconds": round(seconds, 3),
    }
    return json.dumps({"findings": [one.to_json() for one in findings], "summary": summary}, indent=2)
