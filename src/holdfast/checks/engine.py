"""Runs rules over systems: reads the templates, tries each scenario, merges and sorts what the rules say."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from time import perf_counter

from holdfast.checks import suppression
from holdfast.checks.assembly import AssembledStack, read_assembly
from holdfast.checks.demands import Demands
from holdfast.checks.document import SUFFIXES, Document, NotATemplate, load
from holdfast.checks.finding import Finding, Outcome, Severity, Suppressed
from holdfast.checks.graph.source import Source
from holdfast.checks.graph.system import System, systems
from holdfast.checks.registry import all_rules
from holdfast.checks.rule import Rule
from holdfast.checks.schema import SchemaRuns, checker
from holdfast.errors import InvalidRequest, NotFound

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
    schemas: bool = True,
) -> Report:
    """Check each path as a system of its own: a file, or the templates of a folder together.

    Files that cannot be read become `problems`; the others are checked all the same. With `schemas`, what AWS's
    resource schemas say is added; `Report.schemas` tells whether anything could be. The schemas take most of the time
    and are spread over the cores; no more than a few systems are held at a time.

    Raises:
        NotFound: a path that does not exist, or a folder without a template.
    """
    started = perf_counter()
    chosen = all_rules(rule_folders) if rules is None else tuple(rules)
    report = Report(rules=len(chosen))
    with SchemaRuns(checker() if schemas else None) as runs:
        report.schemas = runs.possible
        for sources, problems, found in _read_ahead([_files(path) for path in paths], runs):
            report.add(check_sources(sources, chosen, demands, today, found))
            report.problems += problems
    report.seconds = perf_counter() - started
    return report


def check_files(
    files: Sequence[Path], rules: Sequence[Rule], demands: Demands, today: date, *, schemas: bool = True
) -> Report:
    """Check the templates in `files` together, as one system; a file that cannot be read becomes a problem."""
    started = perf_counter()
    with SchemaRuns(checker() if schemas else None) as runs:
        sources, problems = read_sources(files)
        report = check_sources(sources, rules, demands, today, runs.begin(sources))
        report.problems, report.rules, report.schemas = problems, len(rules), runs.possible
    report.seconds = perf_counter() - started
    return report


def check_sources(
    sources: Sequence[Source],
    rules: Iterable[Rule],
    demands: Demands,
    today: date,
    schemas: Callable[[], Iterable[Finding]] = tuple,
) -> Report:
    """Check templates that are already read, as one system; `schemas` gives what else was found, once asked."""
    if not sources:
        return Report()
    asked, silent = [], set()
    types = {body["Type"] for source in sources for body in source.resources.values()}
    for rule in rules:
        if not rule.wanted(demands):
            silent.add(rule.id)
        elif rule.concerns(types):
            asked.append(rule)
    runs = [_run(system, asked) for system in systems(sources, demands, today)]
    found = [*_merge(runs), *schemas()]
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


def _read_ahead(
    groups: Iterable[tuple[list[Path], bool]], runs: SchemaRuns
) -> Iterator[tuple[list[Source], list[str], Callable[[], list[Finding]]]]:
    """Yield the systems in order, each read some systems before its turn, so that its schemas are checked meanwhile."""
    waiting: deque[tuple[list[Source], list[str], Callable[[], list[Finding]]]] = deque()
    for files, explicit in groups:
        sources, problems = read_sources(files, explicit=explicit)
        waiting.append((sources, problems, runs.begin(sources)))
        if len(waiting) > runs.ahead:
            yield waiting.popleft()
    yield from waiting


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
