"""cfn-lint's findings in our form: schemas, types, deprecated runtimes, dangling references."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from holdfast.checks.finding import Finding, Outcome, Severity
from holdfast.errors import InvalidRequest, NotFound

_SUFFIXES = (".template.json", ".template.yaml", ".template.yml", ".json", ".yaml", ".yml", ".template")
# What lies in a cloud assembly beside its templates.
_NOT_TEMPLATES = ("manifest.json", "tree.json", "cdk.out", "validation-report.json")
_ASSEMBLY_PARTS = (".assets.json", ".metadata.json")


def lint(paths: Sequence[Path]) -> list[Finding]:
    """Return every finding of cfn-lint above information, by template and line; a folder means its templates.

    Raises:
        NotFound: no such file, or a folder without templates.
        InvalidRequest: cfn-lint is not installed.
    """
    try:
        from cfnlint.api import lint_file
        from cfnlint.config import ManualArgs
    except ImportError as error:
        raise InvalidRequest("cfn-lint is not installed: pip install 'holdfast[rehearsal]'") from error
    logging.getLogger("cfnlint").setLevel(logging.CRITICAL)
    found = (
        _finding(match, path)
        for path in templates_of(paths)
        for match in lint_file(path, config=ManualArgs(configure_rules={}, include_checks=["W", "E"]))
    )
    return sorted(found, key=lambda one: (one.template, one.line, one.rule))


def templates_of(paths: Iterable[Path]) -> list[Path]:
    """Return the template files that `paths` mean, each once, in order.

    Raises:
        NotFound: no such file, or a folder without templates.
    """
    return list(dict.fromkeys(template for path in paths for template in _templates(path)))


def _templates(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
    elif path.is_dir():
        files = [one for one in sorted(path.iterdir()) if one.is_file() and _is_template(one.name)]
        if not files:
            raise NotFound(f"{path} holds no template: a name ending in {', '.join(_SUFFIXES[3:])} is needed")
        yield from files
    else:
        raise NotFound(f"{path} does not exist")


def _is_template(name: str) -> bool:
    return name.endswith(_SUFFIXES) and name not in _NOT_TEMPLATES and not name.endswith(_ASSEMBLY_PARTS)


def _finding(match: Any, path: Path) -> Finding:
    place = [str(part) for part in getattr(match, "path", None) or []]
    in_resource = len(place) > 1 and place[0] == "Resources"
    return Finding(
        rule=match.rule.id,
        severity=Severity.WARNING if match.rule.severity == "warning" else Severity.ERROR,
        outcome=Outcome.VIOLATED,
        template=str(path),
        stack=path.name.split(".")[0],
        logical_id=place[1] if in_resource else "",
        property=".".join(place[3:] if in_resource else place),
        line=match.linenumber,
        message=" ".join(match.message.split()),
        remediation=match.rule.shortdesc,
        source=match.rule.source_url,
    )
