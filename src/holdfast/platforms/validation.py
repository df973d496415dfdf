"""Makes `cdk synth` fail on what `holdfast check` finds, with the construct and the Python line that made it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from holdfast import __version__
from holdfast.checks.demands import Demands, from_file
from holdfast.checks.engine import Report, check_files
from holdfast.checks.finding import Finding, Outcome, Severity
from holdfast.checks.registry import all_rules
from holdfast.checks.rule import Rule
from holdfast.platforms.node import use_bundled_node
from holdfast.platforms.origins import Origins, place_of, watch
from holdfast.settings.environment import process_environment

if TYPE_CHECKING:
    from aws_cdk import IPolicyValidationPlugin, PolicyValidationPluginReport, PolicyViolation
    from constructs import IConstruct


def check_on_synth(
    scope: IConstruct,
    *,
    settings: Path | None = None,
    rule_folders: Sequence[Path] = (),
    fail_on: Literal["error", "warning"] = "error",
) -> None:
    """Check the templates below `scope` whenever it is synthesized; `app.synth()` fails on what is found.

    Call it right after `App()`: constructs that are made before have no file and line. Findings below `fail_on`, and
    undecided ones, stop nothing and are not shown; `holdfast check cdk.out` shows them.

    Args:
        scope: the app or a stage.
        settings: a settings file with `checks:` and `promises:`.
        rule_folders: folders with rules of your own.
    Raises:
        InvalidRequest: the settings or a rule cannot be read.
    """
    demands = from_file(settings, process_environment()) if settings else Demands()
    attach(scope, demands, all_rules([*rule_folders, *demands.rule_folders]), Severity(fail_on))


def attach(scope: IConstruct, demands: Demands, rules: Sequence[Rule], fail_on: Severity = Severity.ERROR) -> None:
    """Do what `check_on_synth` does, with demands and rules at hand."""
    use_bundled_node()
    from aws_cdk import Validations

    origins = Origins()
    watch(origins)

    def check(templates: Sequence[Path]) -> Report:
        # The CDK applies the schemas by itself.
        return check_files(templates, rules, demands, datetime.now(UTC).date(), schemas=False)

    Validations.of(scope).add_plugins(_plugin(check, origins, [rule.id for rule in rules], fail_on))


def _plugin(
    check: Callable[[Sequence[Path]], Report], origins: Origins, ids: Sequence[str], fail_on: Severity
) -> IPolicyValidationPlugin:
    """Return the object the CDK asks; its class exists only once the CDK is loaded."""
    import jsii
    from aws_cdk import IPolicyValidationPlugin, PolicyValidationPluginReport

    @jsii.implements(IPolicyValidationPlugin)
    class Plugin:
        @property
        def name(self) -> str:
            return "holdfast"

        @property
        def version(self) -> str:
            return __version__

        @property
        def rule_ids(self) -> list[str]:
            return list(ids)

        def validate(self, context: Any) -> PolicyValidationPluginReport:
            report = check([Path(stack.template_path) for stack in context.stack_templates])
            found = [finding for finding in report.findings if _counts(finding, fail_on)]
            places = origins.by_path() if found else {}
            violations = [_violation(replace(one, made_at=place_of(one.construct, places))) for one in found]
            return PolicyValidationPluginReport(success=not violations, violations=violations)

    return Plugin()


def _counts(finding: Finding, fail_on: Severity) -> bool:
    severe = finding.severity is Severity.ERROR or fail_on is Severity.WARNING
    return finding.outcome is Outcome.VIOLATED and severe


def _violation(finding: Finding) -> PolicyViolation:
    from aws_cdk import PolicyViolatingResource, PolicyViolation

    made = f" (made at {finding.made_at})" if finding.made_at else ""
    subject = ".".join(part for part in (finding.logical_id, finding.property) if part)
    return PolicyViolation(
        rule_name=finding.rule,
        description=f"{subject}: {finding.message}{made}",
        fix=finding.remediation,
        severity=finding.severity.value,
        rule_metadata={"Documentation": finding.source} | ({"Made at": finding.made_at} if finding.made_at else {}),
        violating_resources=[
            PolicyViolatingResource(
                locations=[f"Properties/{finding.property.replace('.', '/')}"],
                resource_logical_id=finding.logical_id or None,
                template_path=finding.template,
                construct_path=finding.construct,
            )
        ],
    )
