"""What AWS's own schemas say of a template, as findings of ours called `CFN-<id>`.

The checker behind it is AWS's `cloudformation-validate`; where that has no wheel, cfn-lint.
"""

from __future__ import annotations

import atexit
import os
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self

from holdfast.checks.certainty import has_macro, is_certain, is_text
from holdfast.checks.finding import Finding, Outcome, Severity
from holdfast.errors import InvalidRequest

if TYPE_CHECKING:
    from cloudformation_validate import CompositeEngine, Diagnostic

    from holdfast.checks.graph.source import Source

SOURCE = "https://github.com/aws-cloudformation/cloudformation-validate"
# Warnings that foretell a failure; the others are about taste, or rules of ours say more.
_TELLING_WARNINGS = frozenset({"W1001", "W1030", "W1054", "W3696", "W3697", "W8608"})

_ABOVE_PROPERTIES = re.compile(r"^(Resources\.\w+(\.|$))?(Properties(\.|$))?")
# Rules about the value of a property, which the checker applies to branches and defaults that are never deployed.
_ABOUT_VALUES = re.compile(r"[EF]30[13]\d|E90\d\d|W1001|W1030")
_RUNTIMES = frozenset({"E2531", "E2533", "W2531"})  # VER001 says it, with the date it is read on.
_compiling = threading.Lock()
_POLICY = "E3510"  # It wants a mapping where CloudFormation also takes JSON as text.
_CIRCLE = "F3004"
_CIRCLE_MEMBERS = re.compile(r"\w+")


class SchemaChecker(Protocol):
    """Checks one template file against the schemas."""

    at_once: bool
    """Whether several threads may ask, and gain by it."""

    def check(self, source: Source) -> Iterator[Finding]:
        """Yield what the schemas say about a template that was read from a file."""


def checker() -> SchemaChecker | None:
    """Return the checker this machine has; None when neither package is installed.

    The first call takes a quarter of a second: the schemas are compiled once.
    """
    try:
        return _native()
    except (ImportError, OSError):
        pass  # OSError: the wheel's library cannot be loaded here
    try:
        import cfnlint  # noqa: F401 - only asked for
    except ImportError:
        return None
    return LintChecker()


def prepare() -> None:
    """Compile the schemas beside what the caller does next; `checker` waits for it."""
    threading.Thread(target=checker, name="schemas", daemon=True).start()


def _native() -> NativeChecker:
    with _compiling:
        return _compiled()


@cache
def _compiled() -> NativeChecker:
    from cloudformation_validate import CompositeEngine

    atexit.register(_compiled.cache_clear)  # its finalizer needs modules that are gone once the interpreter shuts down
    return NativeChecker(CompositeEngine())


class SchemaRuns:
    """Checks templates against the schemas in threads of its own, while the caller asks the rules."""

    def __init__(self, schemas: SchemaChecker | None) -> None:
        self._schemas = schemas
        self.possible = schemas is not None
        workers = (os.cpu_count() or 1) if schemas and schemas.at_once else 1
        self.ahead = 2 * workers
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="schemas")

    def begin(self, sources: Sequence[Source]) -> Callable[[], list[Finding]]:
        """Start with these templates; what is returned waits and gives what was found, in their order."""
        if self._schemas is None:
            return list
        found = [self._pool.submit(_findings, self._schemas, source) for source in sources]
        return lambda: [finding for one in found for finding in one.result()]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)


def _findings(schemas: SchemaChecker, source: Source) -> list[Finding]:
    return list(schemas.check(source))


class NativeChecker:
    """`cloudformation-validate`, errors and telling warnings. It leaves Python's lock alone while it works."""

    at_once = True

    def __init__(self, engine: CompositeEngine) -> None:
        self._engine = engine

    def check(self, source: Source) -> Iterator[Finding]:
        """Validate one file; nothing is said of what a macro rewrites before CloudFormation reads it."""
        from cloudformation_validate import DetailLevel, ValidateConfig, ValidationError
        from cloudformation_validate import Severity as Level

        if has_macro(source):
            return
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
                finding = _finding(diagnostic, source)
                if _adds(diagnostic.rule_id, finding, source):
                    yield finding


class LintChecker:
    """cfn-lint, where there is nothing faster."""

    at_once = False

    def check(self, source: Source) -> Iterator[Finding]:
        """Lint one file; only errors count."""
        from holdfast.checks.lint import lint

        found: Sequence[Finding] = lint([Path(source.name)])
        for finding in found:
            if finding.severity is Severity.ERROR:
                yield replace(finding, rule=f"CFN-{finding.rule}", stack=source.stack)


def _adds(rule: str, finding: Finding, source: Source) -> bool:
    """Tell whether a finding of the checker is sure, and not what a rule of ours says already."""
    if rule in _RUNTIMES and source.resources.get(finding.logical_id, {}).get("Type") == "AWS::Lambda::Function":
        return False
    if rule == _POLICY and is_text(source, finding):
        return False
    return not _ABOUT_VALUES.match(rule) or is_certain(source, finding)


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
