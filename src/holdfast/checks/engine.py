"""Runs rules over systems: reads the templates, tries each scenario, merges and sorts what the rules say."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from pathlib import Path
from time import perf_counter

from holdfast.checks import suppression
from holdfast.checks.assembly import AssembledStack, read_assembly
from holdfast.checks.demands import Demands
from holdfast.checks.document import SUFFIXES, Document, NotATemplate, load
from holdfast.checks.finding import Finding, Outcome, Severity, Suppressed
from holdfast.checks.graph import Source, System, systems
from holdfast.checks.registry import all_rules
from holdfast.checks.rule import Rule
from holdfast.checks.schema import SchemaChecker, checker, schema_findings
from holdfast.errors import InvalidRequest, NotFound

PARALLEL_FROM = 24
_SKIPPED_FOLDERS = frozenset({".git", ".venv", "node_modules", "__pycache__"})


@dataclass
class Report:
    """What came out: findings that stand, findings accepted, files that could not be read, and counts."""

    findings: list[Finding] = field(default_factory=list)
    suppressed: list[Suppressed] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    templates: int = 0
    resources: int = 0
    rules: int = 0
    seconds: float = 0.0
    schemas: bool = False

    def count(self, severity: Severity) -> int:
        """Return how many findings are violated with this severity."""
        return sum(f.outcome is Outcome.VIOLATED and f.severity is severity for f in self.findings)

    @property
    def undecided(self) -> int:
        """How many findings are undecided."""
        return sum(f.outcome is Outcome.UNDECIDED for f in self.findings)

    def fails(self, threshold: Severity) -> bool:
        """Tell whether a violated finding is at least as severe as `threshold`."""
        return self.count(Severity.ERROR) > 0 or (threshold is Severity.WARNING and self.count(Severity.WARNING) > 0)

    def add(self, other: Report) -> None:
        """Take over what another system's report holds."""
        self.findings += other.findings
        self.suppressed += other.suppressed
        self.problems += other.problems
        self.templates += other.templates
        self.resources += other.resources


def check_paths(
    paths: Sequence[Path],
    *,
    demands: Demands,
    today: date,
    rules: Sequence[Rule] | None = None,
    rule_folders: Sequence[Path] = (),
    processes: int | None = None,
    schemas: bool = True,
) -> Report:
    """Check each path as a system of its own: a file, or the templates of a folder together.

    Files that cannot be read become `problems`; the others are checked all the same. With `schemas`, what AWS's
    resource schemas say is added; `Report.schemas` tells whether anything could be.

    Raises:
        NotFound: a path that does not exist, or a folder without a template.
    """
    started = perf_counter()
    chosen = all_rules(rule_folders) if rules is None else tuple(rules)
    report = Report(rules=len(chosen), schemas=schemas)
    groups = [_files(path) for path in paths]
    workers = min(processes or os.cpu_count() or 1, len(groups))
    if len(groups) >= PARALLEL_FROM and workers > 1 and rules is None:
        job = partial(_check_group, demands=demands, today=today, rule_folders=tuple(rule_folders), schemas=schemas)
        with ProcessPoolExecutor(workers) as pool:
            for found in pool.map(job, groups, chunksize=max(1, len(groups) // (workers * 8))):
                report.add(found)
    else:
        compiled = checker() if schemas else None
        report.schemas = compiled is not None
        for group in groups:
            report.add(_checked(group, chosen, demands, today, compiled))
    report.seconds = perf_counter() - started
    return report


def check_files(
    files: Sequence[Path], rules: Sequence[Rule], demands: Demands, today: date, *, schemas: bool = True
) -> Report:
    """Check the templates in `files` together, as one system; a file that cannot be read becomes a problem."""
    started = perf_counter()
    compiled = checker() if schemas else None
    report = _checked((list(files), True), rules, demands, today, compiled)
    report.rules, report.schemas, report.seconds = len(rules), compiled is not None, perf_counter() - started
    return report


def check_sources(
    sources: Sequence[Source],
    rules: Iterable[Rule],
    demands: Demands,
    today: date,
    schemas: SchemaChecker | None = None,
) -> Report:
    """Check templates that are already read, as one system."""
    asked, silent = [], set()
    types = {body["Type"] for source in sources for body in source.resources.values()}
    for rule in rules:
        if not rule.wanted(demands):
            silent.add(rule.id)
        elif rule.concerns(types):
            asked.append(rule)
    runs = [_run(system, asked) for system in systems(sources, demands, today)]
    found = [*_merge(runs), *(schema_findings(sources, schemas) if schemas else ())]
    findings = sorted(found, key=lambda f: (f.template, f.line, f.rule, f.property))
    standing, accepted = suppression.apply(findings, suppression.collect(sources, demands), today, silent)
    resources = sum(len(source.resources) for source in sources)
    return Report(standing, accepted, [], len(sources), resources)


def read_sources(files: Sequence[Path], *, explicit: bool = True) -> tuple[list[Source], list[str]]:
    """Read templates; return them with one line for each file that cannot be read.

    With `explicit` false (the files of a folder) a file that is no template at all is passed over in silence.
    """
    sources: list[Source] = []
    problems: list[str] = []
    stacks: dict[Path, dict[str, AssembledStack]] = {}
    for path in files:
        try:
            document = load(path)
        except NotATemplate as error:
            if explicit:
                problems.append(str(error))
            continue
        except InvalidRequest as error:
            if explicit or _speaks_of_resources(path):
                problems.append(str(error))
            continue
        sources.append(source_of(document, path, stacks))
    return sources, problems


def source_of(document: Document, path: Path, stacks: dict[Path, dict[str, AssembledStack]] | None = None) -> Source:
    """Return the source with what the cloud assembly beside it says of it, if there is one."""
    known = {} if stacks is None else stacks
    if path.parent not in known:
        known[path.parent] = read_assembly(path.parent)
    assembled = known[path.parent].get(path.name)
    if assembled is None:
        return Source(document, stack=path.name.removesuffix(path.suffix).removesuffix(".template"))
    return Source(document, stack=assembled.name, region=assembled.region, assembled=assembled)


def _check_group(
    group: tuple[list[Path], bool], *, demands: Demands, today: date, rule_folders: tuple[Path, ...], schemas: bool
) -> Report:
    return _checked(group, all_rules(rule_folders), demands, today, checker() if schemas else None)


def _checked(
    group: tuple[list[Path], bool],
    rules: Sequence[Rule],
    demands: Demands,
    today: date,
    schemas: SchemaChecker | None,
) -> Report:
    files, explicit = group
    sources, problems = read_sources(files, explicit=explicit)
    report = check_sources(sources, rules, demands, today, schemas) if sources else Report()
    report.problems += problems
    return report


def _run(system: System, rules: Sequence[Rule]) -> list[Finding]:
    return [finding for rule in rules for finding in rule.run(system)]


def _merge(runs: Sequence[Sequence[Finding]]) -> Iterator[Finding]:
    """Yield each finding once; one that holds in every scenario names none; violated outweighs undecided."""
    first: dict[tuple[object, ...], Finding] = {}
    seen: dict[tuple[object, ...], int] = {}
    for run in runs:
        facts: dict[tuple[object, ...], Finding] = {(*f.place(), f.message, f.outcome): f for f in run}
        for key, finding in facts.items():
            first.setdefault(key, finding)
            seen[key] = seen.get(key, 0) + 1
    violated = {finding.place() for finding in first.values() if finding.outcome is Outcome.VIOLATED}
    for key, finding in first.items():
        if finding.outcome is Outcome.UNDECIDED and finding.place() in violated:
            continue
        yield replace(finding, when="") if seen[key] == len(runs) else finding


def _files(path: Path) -> tuple[list[Path], bool]:
    if path.is_file():
        return [path], True
    if not path.exists():
        raise NotFound(f"{path} does not exist; name a template or a folder of templates")
    found = sorted(
        child
        for child in path.rglob("*")
        if child.suffix in SUFFIXES and child.is_file() and not _SKIPPED_FOLDERS & set(child.parts)
    )
    if not found:
        raise NotFound(f"{path} holds no template; looked for {', '.join(SUFFIXES)}")
    return found, False


def _speaks_of_resources(path: Path) -> bool:
    try:
        return b"Resources" in path.read_bytes()[:1_000_000]
    except OSError:
        return True
