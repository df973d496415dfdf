"""What AWS's own schemas say of a template, as findings of ours called `CFN-<id>`.

The checker behind it is AWS's `cloudformation-validate`; where that has no wheel, cfn-lint.
"""

from __future__ import annotations

import atexit
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from holdfast.checks.finding import Finding, Outcome, Severity
from holdfast.errors import InvalidRequest

if TYPE_CHECKING:
    from cloudformation_validate import CompositeEngine, Diagnostic

    from holdfast.checks.graph import Source

SOURCE = "https://github.com/aws-cloudformation/cloudformation-validate"
# Warnings that foretell a failure; the others are about taste, or rules of ours say more.
_TELLING_WARNINGS = frozenset({"W1001", "W1030", "W1054", "W3696", "W3697", "W8608"})

_ABOVE_PROPERTIES = re.compile(r"^(Resources\.\w+(\.|$))?(Properties(\.|$))?")
_CIRCLE = "F3004"
_CIRCLE_MEMBERS = re.compile(r"\w+")


class SchemaChecker(Protocol):
    """Checks one template file against the schemas."""

    def check(self, source: Source) -> Iterator[Finding]:
        """Yield what the schemas say about a template that was read from a file."""


def checker() -> SchemaChecker | None:
    """Return the checker this machine has; None when neither package is installed.

    The first call takes a quarter of a second: the schemas are compiled once.
    """
    try:
        return _native()
    except ImportError:
        pass
    try:
        import cfnlint  # noqa: F401 - only asked for
    except ImportError:
        return None
    return LintChecker()


@cache
def _native() -> NativeChecker:
    from cloudformation_validate import CompositeEngine

    atexit.register(_native.cache_clear)  # its finalizer needs modules that are gone once the interpreter shuts down
    return NativeChecker(CompositeEngine())


def schema_findings(sources: Iterable[Source], schemas: SchemaChecker) -> list[Finding]:
    """Return the schema findings of templates that were read from files."""
    return [finding for source in sources for finding in schemas.check(source)]


class NativeChecker:
    """`cloudformation-validate`, errors and telling warnings."""

    def __init__(self, engine: CompositeEngine) -> None:
        self._engine = engine

    def check(self, source: Source) -> Iterator[Finding]:
        """Validate one file; a template it cannot parse gives one finding."""
        from cloudformation_validate import DetailLevel, ValidateConfig, ValidationError
        from cloudformation_validate import Severity as Level

        config = ValidateConfig(detail_level=DetailLevel.STANDARD, severity_level=Level.WARN)
        try:
            report = self._engine.validate_template(source.name, config)
        except (ValidationError, OSError) as error:
            raise InvalidRequest(f"{source.name}: the schemas cannot be applied: {error}") from error
        circles: set[frozenset[str]] = set()
        for diagnostic in report.diagnostics:
            if diagnostic.rule_id == _CIRCLE:
                # It is told once for each resource in it, from a different start.
                circle = frozenset(_CIRCLE_MEMBERS.findall(diagnostic.message.rsplit("[", 1)[-1]))
                if circle in circles:
                    continue
                circles.add(circle)
            if diagnostic.severity.name in ("FATAL", "ERROR") or diagnostic.rule_id in _TELLING_WARNINGS:
                yield _finding(diagnostic, source)


class LintChecker:
    """cfn-lint, where there is nothing faster."""

    def check(self, source: Source) -> Iterator[Finding]:
        """Lint one file; only errors count."""
        from holdfast.checks.lint import lint

        found: Sequence[Finding] = lint([Path(source.name)])
        for finding in found:
            if finding.severity is Severity.ERROR:
                yield replace(finding, rule=f"CFN-{finding.rule}", stack=source.stack)


def _finding(diagnostic: Diagnostic, source: Source) -> Finding:
    severe = diagnostic.severity.name in ("FATAL", "ERROR")
    path = _ABOVE_PROPERTIES.sub("", (diagnostic.property_path or "").strip("/").replace("/", "."))
    return Finding(
        rule=f"CFN-{diagnostic.rule_id}",
        severity=Severity.ERROR if severe else Severity.WARNING,
        outcome=Outcome.VIOLATED,
        template=source.name,
        stack=source.stack,
        logical_id=diagnostic.entity.logical_id if diagnostic.entity else "",
        property=path,
        line=diagnostic.start_line or 1,
        message=" ".join(diagnostic.message.split()),
        remediation=diagnostic.suggested_fix or "Write what the resource type's schema allows.",
        source=SOURCE,
        construct=source.construct_of(diagnostic.entity.logical_id) if diagnostic.entity else None,
    )
