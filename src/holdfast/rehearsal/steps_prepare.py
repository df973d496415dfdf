"""From settings to a deployed vault: bundle, synthesize, check, deploy, and read back what the services answer."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from holdfast.checks.demands import from_platform
from holdfast.checks.engine import Report, check_files
from holdfast.checks.finding import Finding, Outcome, Severity
from holdfast.checks.registry import all_rules
from holdfast.errors import PromiseNotMet
from holdfast.platforms.promises import Promise, promises_of
from holdfast.rehearsal.deploy import Deployment, StackEvent, deploy
from holdfast.rehearsal.in_child import Child, in_child
from holdfast.rehearsal.ports import EmbeddedAws
from holdfast.rehearsal.read_back import ReadBack, Verdict, read_back
from holdfast.rehearsal.steps import Journal
from holdfast.report.model import Figure
from holdfast.report.units import bytes_text, count_text
from holdfast.settings.backup_engine import BackupSettings
from holdfast.settings.platform import PlatformSettings
from holdfast.stacks.assembly import Stack
from holdfast.vault.bundle import Bundle, build_native


def build_bundle(journal: Journal, folder: Path) -> Bundle:
    """Build the functions' zip for the Python at hand: the same code and lock, native wheels."""
    with journal.step("bundle") as step:
        bundle = build_native(folder)
        step.figures.update(size_bytes=bundle.size_bytes, sha256=bundle.sha256, python=platform.python_version())
        step.says = f"functions' zip {bytes_text(bundle.size_bytes)}, Python {platform.python_version()}"
    return bundle


def synthesize(journal: Journal, settings: BackupSettings, out: Path, bundle: Path) -> list[Promise]:
    """Write the cloud assembly into `out`; return the promises its templates give."""
    with journal.step("synthesize") as step:
        counts, promises = in_child(_synthesize, settings, out, bundle)
        step.figures.update(stacks=len(counts), resources=sum(counts.values()))
        step.says = f"{len(counts)} stacks, {sum(counts.values())} resources"
    return promises


def _synthesize(settings: BackupSettings, out: Path, bundle: Path) -> tuple[Counter[str], list[Promise]]:
    from holdfast.platforms import synthesize as run

    stacks = run(settings, out=out, bundle=bundle)
    counts = Counter({stack.name: len(stack.template["Resources"]) for stack in stacks})
    return counts, promises_of(settings, [stack.template for stack in stacks])


@contextmanager
def checking(journal: Journal, settings: PlatformSettings, assembly: Path) -> Iterator[None]:
    """Run the checks over the templates beside the block; what comes after the block has checked templates.

    Raises:
        PromiseNotMet: a finding is an error.
    """
    at = journal.elapsed()
    with Child(_check, settings, assembly) as child:
        yield
        report = child.result()
    errors, warnings = report.count(Severity.ERROR), report.count(Severity.WARNING)
    figures: dict[str, Figure] = {"errors": errors, "warnings": warnings, "rules": report.rules}
    found = f"{errors} errors, {warnings} warnings of {report.rules} rules"
    journal.beside("check", at=at, figures=figures, says=f"{found}, beside the deployment")
    refuse_errors(report.findings)


def _check(settings: PlatformSettings, assembly: Path) -> Report:
    today, demands = datetime.now(UTC).date(), from_platform(settings)
    return check_files(sorted(assembly.glob("*.template.json")), all_rules(demands.rule_folders), demands, today)


def refuse_errors(findings: Sequence[Finding]) -> None:
    """Pass findings without an error that is sure; the first error is told, and how many there are.

    Raises:
        PromiseNotMet: there is one.
    """
    errors = [one for one in findings if one.severity is Severity.ERROR and one.outcome is Outcome.VIOLATED]
    if errors:
        first = errors[0]
        raise PromiseNotMet(
            f"the check found {len(errors)} errors, first {first.rule} {first.logical_id}: {first.message}"
        )


def deploy_stacks(journal: Journal, aws: EmbeddedAws, what: Path | Sequence[Stack]) -> Deployment:
    """Bring up every stack, each in its region, through the CloudFormation API."""
    with journal.step("deploy") as step:

        def tell(event: StackEvent) -> None:
            step.update(f"{event.stack}: {event.done} of {event.total} resources, {event.logical_id}")

        deployment = deploy(aws, what, tell)
        resources = sum(len(stack.resources) for stack in deployment.stacks)
        regions = dict.fromkeys(stack.region for stack in deployment.stacks)
        step.figures.update(resources=resources, **{f"{one.name}_seconds": one.seconds for one in deployment.stacks})
        step.says = f"{count_text(resources)} resources, {' and '.join(regions)}"
    return deployment


def read_back_gate(journal: Journal, aws: EmbeddedAws, deployment: Deployment) -> list[ReadBack]:
    """Ask every promised property back from its service, and try the gate: nothing may differ."""
    with journal.step("read back") as step:
        found = in_child(read_back, aws, deployment)  # the models of fourteen services take 190 MB
        counts = Counter(one.verdict for one in found)
        different = [one for one in found if one.verdict is Verdict.DIFFERENT]
        step.figures.update({verdict.value.replace(" ", "_"): counts[verdict] for verdict in Verdict})
        step.says = (
            f"{counts[Verdict.SAME]} properties the same, {len(different)} different, "
            f"{counts[Verdict.NOT_ECHOED]} not echoed"
        )
        journal.trial(
            "Read-back gate",
            expected="no promised property differs from what its service answers",
            observed=str(different[0]) if different else step.says,
            passed=not different,
        )
    return found
