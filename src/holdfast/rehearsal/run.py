"""The rehearsal of the backup vault: prepare, back up, break, restore, compare, and say what that showed."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from holdfast.errors import HoldfastError
from holdfast.rehearsal import evidence as proof
from holdfast.rehearsal import steps_prepare as prepare
from holdfast.rehearsal.corpus import Corpus, from_directory, generate
from holdfast.rehearsal.embedded import embedded_aws
from holdfast.rehearsal.measure_memory import MemorySampler
from holdfast.rehearsal.ports import EmbeddedAws
from holdfast.rehearsal.steps import Journal, Watcher
from holdfast.rehearsal.steps_backup import await_replica, back_up, change_files, lose_region_in_the_middle, upload
from holdfast.rehearsal.steps_recovery import Recovered, recover
from holdfast.rehearsal.steps_scene import Options, RunClock, Scene, Told
from holdfast.rehearsal.steps_source import SourceBucket
from holdfast.rehearsal.steps_trials import try_on_purpose, try_roles
from holdfast.rehearsal.steps_upkeep import finish_interrupted, forget_and_prune, return_region
from holdfast.rehearsal.steps_vault import find_vault
from holdfast.rehearsal.summary import report_of
from holdfast.report.model import Report
from holdfast.report.write import clear, write
from holdfast.settings import variables as var

USERS = 1000

__all__ = ["Options", "rehearse"]


def rehearse(options: Options, *, watcher: Watcher | None = None, clock: RunClock | None = None) -> Report:
    """Run the whole rehearsal and write its report; nothing it started is left running, whatever happens.

    Raises:
        HoldfastError, KeyboardInterrupt: the run did not finish; the report in `out` says where and why.
    """
    clock = clock or RunClock()
    work = make_folders(options.out)
    journal = Journal(watcher, monotonic=clock.monotonic)
    told = Told(evidence=proof.EvidenceFolder(options.out / "evidence"))
    began, stopped = clock.now(), ""
    memory = MemorySampler(monotonic=clock.monotonic)
    try:
        with memory:
            _play(options, journal, told, clock, work)
    except BaseException as error:
        stopped = why(error, journal.current)
        raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
        report = report_of(options, journal, told, memory, began=began, stopped=stopped)
        write(report, options.out)
    return report


def make_folders(out: Path) -> Path:
    """Clear what an earlier run left in `out`, and return a folder to work in."""
    clear(out)
    for earlier in ("assembly", "evidence"):
        shutil.rmtree(out / earlier, ignore_errors=True)
    out.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=".work-", dir=out))


def why(error: BaseException, step: str) -> str:
    """Return why a run stopped, in one line."""
    if isinstance(error, KeyboardInterrupt):
        return f"interrupted in `{step}`"
    what = str(error) if isinstance(error, HoldfastError) else f"{type(error).__name__}: {error}"
    return f"`{step}` failed: {what}"


def _play(options: Options, journal: Journal, told: Told, clock: RunClock, work: Path) -> None:
    """Prepare and deploy; the embedded AWS ends with the block."""
    corpus, told.left_out = _corpus(options)
    assembly = options.out / "assembly"
    told.bundle = prepare.build_bundle(journal, options.out / "bundle")
    told.derived = prepare.synthesize(journal, options.settings, assembly, told.bundle.path)
    with embedded_aws(strict=options.strict, folder=work) as aws:
        aws.set_replication(lag_seconds=options.replication_lag_seconds)
        told.untested = aws.not_tested()
        with prepare.checking(journal, options.settings, assembly):
            deployment = prepare.deploy_stacks(journal, aws, assembly)
            told.read_back = prepare.read_back_gate(journal, aws, deployment)
        told.runtimes = aws.runtimes()
        scene = _scene(options, journal, told, clock, work, aws)
        let_go(scene, "create", "replica-key")
        _rehearse(scene, corpus)


def _corpus(options: Options) -> tuple[Corpus, list[str]]:
    if options.data is not None:
        return from_directory(options.data, users=options.users)
    return generate(options.users or USERS, files_per_user=options.files_per_user, seed=options.seed), []


def _scene(options: Options, journal: Journal, told: Told, clock: RunClock, work: Path, aws: EmbeddedAws) -> Scene:
    vault = find_vault(aws, options.settings)
    source = SourceBucket(
        aws.client("s3", vault.region),
        vault.worker[var.SOURCE_BUCKET],
        vault.worker[var.SOURCE_PREFIX],
        now=lambda: clock.now().timestamp(),
    )
    return Scene(options=options, journal=journal, clock=clock, told=told, work=work, vault=vault, source=source)


def let_go(scene: Scene, *roles: str) -> None:
    """End the processes of functions that are not needed again soon; AWS would freeze them, here they hold memory."""
    for role in roles:
        scene.vault.aws.kill_functions(scene.vault.region, scene.vault.names.function(role))


def _rehearse(scene: Scene, corpus: Corpus) -> None:
    """Three days, a loss in the third, and the way back."""
    upload(scene, corpus)
    first = back_up(scene, "day 1", days_ago=2)
    try_on_purpose(scene, first)
    let_go(scene, "restore")
    corpus = change_files(scene, corpus, "day 2")
    second = back_up(scene, "day 2", days_ago=1)
    await_replica(scene)
    change_files(scene, corpus, "day 3")
    third, loss = lose_region_in_the_middle(scene, "day 3")
    recovered = recover(scene, [first, second, third], loss)
    return_region(scene, third, loss, recovered)
    finish_interrupted(scene, third, loss)
    forget_and_prune(scene, second)
    if scene.options.strict:
        try_roles(scene)
    _keep_evidence(scene, recovered)


def _keep_evidence(scene: Scene, recovered: Recovered) -> None:
    aws, told, recovery = scene.vault.aws, scene.told, scene.told.facts.recovery
    told.requests = dict(aws.requests())
    keep = told.evidence.lines
    entries = scene.ledger.acknowledged.values()
    keep("acknowledged.jsonl", "what each acknowledged snapshot had to hold", proof.acknowledged_rows(entries))
    rows = proof.restored_rows(recovered.restored, recovered.differences)
    keep("restored.jsonl", "what came back from the replica, read from the disk", rows)
    if recovery is not None:
        keep("lost.jsonl", "file versions that were lost with the region", proof.lost_rows(recovery.exposure))
    copies = aws.replication().finished
    keep("replication.jsonl", "every object replicated, with both times", proof.replication_rows(copies))
    for template in sorted((scene.options.out / "assembly").glob("*.template.json")):
        told.evidence.add(template, "synthesized template")
