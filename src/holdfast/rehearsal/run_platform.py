"""The rehearsal of any platform: synthesize, check, deploy, read back, change in place, delete, and say what it showed.

The vault has one of its own, which also backs up, breaks and restores (`run.py`).
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from holdfast import __version__
from holdfast.platforms.promises import Promise, promises_of
from holdfast.rehearsal import steps_prepare as prepare
from holdfast.rehearsal.deploy import Deployment, assumed, deploy, destroy, stacks_in
from holdfast.rehearsal.embedded import embedded_aws
from holdfast.rehearsal.evidence import EvidenceFolder
from holdfast.rehearsal.in_child import in_child
from holdfast.rehearsal.life import held, kept, left_behind, replaced, snapshotted, touched, unprotected
from holdfast.rehearsal.measure_memory import MemorySampler
from holdfast.rehearsal.measure_promises import as_derived
from holdfast.rehearsal.ports import EmbeddedAws, NotTested, Support
from holdfast.rehearsal.read_back import ReadBack, Verdict
from holdfast.rehearsal.run import make_folders, why
from holdfast.rehearsal.steps import Journal, Running, Watcher
from holdfast.rehearsal.steps_scene import RunClock
from holdfast.rehearsal.summary import machine, row_of
from holdfast.report.model import Report, Untested
from holdfast.report.units import count_text
from holdfast.report.write import write
from holdfast.settings.platform import PlatformSettings
from holdfast.stacks.assembly import Stack


@dataclass(frozen=True, kw_only=True)
class PlatformOptions:
    """What to rehearse, and how."""

    out: Path
    settings: PlatformSettings
    strict: bool = False
    command: str = "holdfast rehearse"


@dataclass
class Shown:
    """What the report is made of, beside the journal; filled as the run goes."""

    evidence: EvidenceFolder
    derived: list[Promise] = field(default_factory=list)
    read_back: list[ReadBack] = field(default_factory=list)
    untested: list[NotTested] = field(default_factory=list)
    support: Mapping[str, Support] = field(default_factory=dict)
    resources: int = 0


def rehearse_platform(
    options: PlatformOptions, *, watcher: Watcher | None = None, clock: RunClock | None = None
) -> Report:
    """Run the rehearsal and write its report; nothing it started is left running, whatever happens.

    Raises:
        HoldfastError, KeyboardInterrupt: the run did not finish; the report in `out` says where and why.
    """
    clock = clock or RunClock()
    work = make_folders(options.out)
    journal = Journal(watcher, monotonic=clock.monotonic)
    shown = Shown(evidence=EvidenceFolder(options.out / "evidence"))
    began, stopped = clock.now(), ""
    memory = MemorySampler(monotonic=clock.monotonic)
    try:
        with memory:
            _play(options, journal, shown, work)
    except BaseException as error:
        stopped = why(error, journal.current)
        raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
        report = Report(
            platforms=[options.settings.platform],
            promises=[as_derived(one) for one in shown.derived],
            steps=journal.steps,
            holdfast=__version__,
            started=began.isoformat(timespec="seconds"),
            seconds=journal.elapsed(),
            complete=not stopped,
            stopped=stopped,
            command=options.command,
            summary="" if stopped else _summary(options, shown),
            figures={"peak_memory_bytes": memory.peak_bytes} if memory.peak_bytes else {},
            trials=journal.trials,
            read_back=[row_of(one) for one in shown.read_back],
            untested=[Untested(subject=one.subject, why=one.why) for one in shown.untested] + _not_real(shown.support),
            environment=machine(options.settings, strict=options.strict),
            evidence=shown.evidence.files,
        )
        write(report, options.out)
    return report


def _play(options: PlatformOptions, journal: Journal, shown: Shown, work: Path) -> None:
    assembly = options.out / "assembly"
    assembly.mkdir(parents=True)
    with journal.step("synthesize") as step:
        counts, shown.derived = in_child(_synthesize, options.settings, assembly)
        step.figures.update(stacks=len(counts), resources=sum(counts.values()))
        step.says = f"{len(counts)} stacks, {sum(counts.values())} resources"
    for template in sorted(assembly.glob("*.template.json")):
        shown.evidence.add(template, "synthesized template")
    with embedded_aws(strict=options.strict, folder=work) as aws:
        shown.untested = aws.not_tested()
        with prepare.checking(journal, options.settings, assembly):
            stacks = assumed(aws, stacks_in(aws, assembly))
            before = held(aws)
            deployment = prepare.deploy_stacks(journal, aws, stacks)
            shown.resources = sum(len(stack.resources) for stack in deployment.stacks)
            shown.support = aws.support(sorted(_types(deployment)))
            shown.read_back = prepare.read_back_gate(journal, aws, deployment)
        changed = [touched(stack) for stack in stacks]
        after = _change(journal, aws, changed, deployment)
        with journal.step("destroy") as step:
            bare = [unprotected(stack) for stack in changed]
            _delete(journal, step, aws, after if bare == changed else deploy(aws, bare), before)


def _synthesize(settings: PlatformSettings, out: Path) -> tuple[Counter[str], list[Promise]]:
    from holdfast.platforms import synthesize

    stacks = synthesize(settings, out=out, native=True)
    counts = Counter({stack.name: len(stack.template["Resources"]) for stack in stacks})
    return counts, promises_of(settings, [stack.template for stack in stacks])


def _types(deployment: Deployment) -> set[str]:
    return {one["Type"] for stack in deployment.stacks for one in stack.template["Resources"].values()}


def _change(journal: Journal, aws: EmbeddedAws, changed: Sequence[Stack], before: Deployment) -> Deployment:
    """Deploy again with a tag more and moved thresholds: everything must stay itself."""
    with journal.step("change") as step:
        after = deploy(aws, changed)
        lost = replaced(before, after)
        step.says = f"a tag and thresholds changed, {len(lost)} resources replaced"
    journal.trial(
        "Change in place",
        expected="one more tag and moved alarm thresholds replace no resource",
        observed=f"replaced: {', '.join(lost)}" if lost else "every resource kept its physical id",
        passed=not lost,
    )
    return after


def _delete(
    journal: Journal, step: Running, aws: EmbeddedAws, deployment: Deployment, before: Mapping[str, set[str]]
) -> None:
    keeps = kept(deployment)
    destroy(aws, deployment)
    left = left_behind(before, held(aws), keeps, snapshotted(deployment))
    step.figures.update(kept=len(keeps), left_behind=len(left))
    step.says = f"{len(keeps)} resources kept as their templates say, {len(left)} records left behind"
    journal.trial(
        "Deletion",
        expected="no service holds anything the templates do not keep",
        observed=f"left: {'; '.join(left[:5])}" if left else step.says,
        passed=not left,
    )


def _not_real(support: Mapping[str, Support]) -> list[Untested]:
    """Return the types on which nothing acts here."""
    recorded = [name for name, how in support.items() if how is Support.RECORDED]
    if not recorded:
        return []
    return [Untested(subject="resources that are only recorded", why=", ".join(sorted(recorded)))]


def _summary(options: PlatformOptions, shown: Shown) -> str:
    same = sum(one.verdict is Verdict.SAME for one in shown.read_back)
    return (
        f"{count_text(shown.resources)} resources of {options.settings.platform} were created, changed in place and "
        f"deleted; {count_text(same)} of {count_text(len(shown.read_back))} properties were told back by their own "
        "services. No traffic ran and nothing was broken: what such a run would show is unproven."
    )
