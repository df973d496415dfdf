"""`holdfast check PATH...`: find what looks right in CloudFormation templates and does not work."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from holdfast.errors import ExitStatus, InvalidRequest

if TYPE_CHECKING:
    from holdfast.checks.demands import Demands
    from holdfast.checks.engine import Report
    from holdfast.checks.rule import Rule

_FORMATS = ["text", "json", "sarif", "junit"]
_PEERS = ["cfn-lint", "cdk-nag"]


@click.command("check")
@click.argument("paths", nargs=-1, metavar="PATH...", type=click.Path(path_type=Path))
@click.option("--settings", type=click.Path(path_type=Path, dir_okay=False), help="What is demanded and promised.")
@click.option("--format", "form", type=click.Choice(_FORMATS), default="text", show_default=True)
@click.option("--output", "form_too", type=click.Choice(_FORMATS), help="The same as --format.")
@click.option("--fail-on", type=click.Choice(["error", "warning"]), default="error", show_default=True)
@click.option("--rules", "folders", multiple=True, type=click.Path(path_type=Path), help="A folder of your own rules.")
@click.option("--with", "peers", multiple=True, type=click.Choice(_PEERS), help="Show another checker's findings too.")
@click.option("--schemas/--no-schemas", default=True, show_default=True, help="Check against AWS's resource schemas.")
@click.option("--explain", metavar="ID", help="Tell what one rule is about, and stop.")
@click.option("--list-rules", is_flag=True, help="Name every rule, and stop.")
@click.option("--quiet", is_flag=True, help="Print nothing that is not a finding.")
def command(
    paths: tuple[Path, ...],
    settings: Path | None,
    form: str,
    form_too: str | None,
    fail_on: str,
    folders: tuple[Path, ...],
    peers: tuple[str, ...],
    schemas: bool,
    explain: str | None,
    list_rules: bool,
    quiet: bool,
) -> int:
    """Check any CloudFormation JSON or YAML, of CDK or by hand.

    Each PATH is a system of its own: a file, or the templates of a folder together.

    Exit status: 0 nothing at or above --fail-on was found; 1 something was; 2 a file is no template; 4 no such file.
    """
    from holdfast.checks.registry import all_rules
    from holdfast.checks.schema import prepare

    if schemas and paths:
        prepare()
    demands = _demands(settings)
    folders = (*folders, *demands.rule_folders)
    rules = all_rules(folders)
    if explain is not None or list_rules:
        click.echo(_explained(explain, rules) if explain is not None else _listed(rules))
        return ExitStatus.DONE
    if not paths:
        raise InvalidRequest("no PATH given: name a template or a folder of templates")
    report = _checked(paths, folders, demands, schemas, peers)
    if schemas and not report.schemas:
        click.echo("holdfast: schemas were not checked: neither cloudformation-validate nor cfn-lint is here", err=True)
    _print(report, form_too or form, rules, quiet=quiet)
    return _status(report, fail_on)


def _checked(
    paths: Sequence[Path], folders: Sequence[Path], demands: Demands, schemas: bool, peers: Sequence[str]
) -> Report:
    from holdfast.checks.engine import check_paths
    from holdfast.checks.peers import findings_of

    today = datetime.now(UTC).date()
    report = check_paths(paths, demands=demands, today=today, rule_folders=folders, schemas=schemas)
    for peer in peers:
        report.findings += findings_of(peer, paths)
    return report


def _demands(settings: Path | None) -> Demands:
    from holdfast.checks.demands import Demands, from_file
    from holdfast.settings.environment import process_environment

    return from_file(settings, process_environment()) if settings else Demands()


def _print(report: Report, form: str, rules: Sequence[Rule], *, quiet: bool) -> None:
    from holdfast.checks.formats import FORMATS

    for problem in report.problems:
        click.echo(f"holdfast: {problem}", err=True)
    text = FORMATS[form](report, rules)
    if not (quiet and form == "text" and not report.findings):
        click.echo(text)


def _status(report: Report, fail_on: str) -> int:
    from holdfast.checks.finding import Severity

    if report.problems:
        return ExitStatus.BAD_USAGE
    return ExitStatus.ANSWER_IS_NO if report.fails(Severity(fail_on)) else ExitStatus.DONE


def _explained(rule_id: str, rules: Sequence[Rule]) -> str:
    from holdfast.checks.registry import find_rule

    rule = find_rule(rule_id, rules)
    lines = [f"{rule.id} ({rule.severity.value}, {rule.topic})", f"  {rule.title}."]
    lines += [f"  {line}" for line in rule.rationale.splitlines()]
    if rule.demand:
        lines.append(f"  Silent unless the settings demand: {', '.join(rule.demand)}.")
    return "\n".join([*lines, f"  Do: {rule.remediation}", f"  Source: {rule.source}"])


def _listed(rules: Sequence[Rule]) -> str:
    return "\n".join(f"{rule.id}\t{rule.severity.value}\t{rule.topic}\t{rule.title}" for rule in rules)
