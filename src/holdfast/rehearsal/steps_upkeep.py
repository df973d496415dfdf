"""After the loss: the region returns, old snapshots are forgotten, the unneeded pruned, every byte verified."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from operator import attrgetter

from holdfast.backup.forget import forget
from holdfast.backup.manifest import load_manifest
from holdfast.backup.parallel import each
from holdfast.backup.ports import Record
from holdfast.backup.prune import READERS, prune
from holdfast.backup.retention import Retention, plan_forget
from holdfast.backup.usage import measure_usage
from holdfast.backup.verify import verify
from holdfast.rehearsal.in_child import Child
from holdfast.rehearsal.measure_promises import Recovery, Upkeep
from holdfast.rehearsal.measure_recovery import exposure
from holdfast.rehearsal.steps_backup import Day, Loss, acknowledge
from holdfast.rehearsal.steps_recovery import Recovered
from holdfast.rehearsal.steps_scene import RunClock, Scene
from holdfast.rehearsal.steps_vault import Vault
from holdfast.report.measured import usage_of
from holdfast.report.model import Figure, Usage
from holdfast.report.units import bytes_text, count_text, plural, seconds_text

LEASE = timedelta(minutes=15)
DRAIN_SECONDS = 120.0
WORKERS = 8
QUIET_POLLS = 3
"""Between a message's receipt and its session's record nothing shows that a worker is at it; so look more than once."""


@dataclass(frozen=True)
class MovedClock(RunClock):
    """The machine's clock, moved on."""

    by: timedelta

    def now(self) -> datetime:
        """Return the moved time."""
        return super().now() + self.by


def return_region(scene: Scene, third: Day, loss: Loss, recovered: Recovered) -> None:
    """Bring the region back, read which snapshots had been acknowledged before the loss, and sum up what it cost."""
    with scene.journal.step("region returns") as step:
        scene.vault.aws.restore_region(loss.region)
        records = third.snapshots(scene.vault.ledger().completed())
        before = [record for record in records if record.finished and record.finished.timestamp() <= loss.at]
        acknowledge(scene, third, before)
        cost = exposure(
            source=scene.source.snapshot(),
            promised=scene.ledger.newest_before(loss.at),
            restored=recovered.restored,
            lost_at=loss.at,
        )
        lag = scene.told.replication_lag = replication_lag(scene)
        scene.told.facts = dataclasses.replace(
            scene.told.facts,
            recovery=Recovery(
                region=loss.region,
                seconds=recovered.seconds,
                users=len(recovered.restored),
                files=recovered.files,
                bytes=recovered.bytes,
                differences=len(recovered.differences),
                exposure=cost,
                lag_slowest_seconds=max(lag, default=0.0),
            ),
        )
        lost = len(cost.lost_acknowledged)
        step.figures.update(
            acknowledged_before_loss=len(before), lost_acknowledged=lost, window_seconds=cost.window_seconds
        )
        step.says = f"RPO {seconds_text(cost.window_seconds)}: {plural(lost, 'acknowledged file version')} lost with it"


def finish_interrupted(scene: Scene, third: Day, loss: Loss) -> None:
    """Let the run that the loss interrupted go on by itself until no message is left that a worker could take."""
    vault, quiet = scene.vault, 0
    with scene.journal.step("day 3 goes on") as step:

        def drained() -> bool:
            nonlocal quiet
            visible, _ = vault.waiting(vault.queue_url)
            step.update(f"{visible} users to go")
            # Sessions that died with the region stay RUNNING until their lease ends: they are not waited for.
            at_work = visible or any(record.start.timestamp() > loss.at for record in vault.ledger().active())
            quiet = 0 if at_work else quiet + 1
            return quiet == QUIET_POLLS

        scene.clock.until(drained, DRAIN_SECONDS)
        visible, taken = vault.waiting(vault.queue_url)
        done = {record.user for record in third.snapshots(vault.ledger().completed())}
        hidden = scene.users - len(done)
        step.figures.update(users_done=len(done), messages_hidden=taken)
        step.says = f"{count_text(len(done))} of {count_text(scene.users)} users done"
        scene.journal.trial(
            "The interrupted run goes on",
            expected="every user but those whose worker died with the region, which SQS hides for 15 minutes more",
            observed=f"{len(done)} of {scene.users} users have a snapshot of day 3; {taken} messages are still hidden",
            passed=visible == 0 and hidden <= taken,
        )


def replication_lag(scene: Scene) -> list[float]:
    """Return the seconds from put to replica of every object that was copied, sorted."""
    copies = scene.vault.aws.replication().finished
    return sorted(copy.replica_at - copy.put_at for copy in copies if copy.replica_at is not None)


@contextmanager
def telling_usage(scene: Scene) -> Iterator[None]:
    """Measure in another process, beside the block, who uses what of the repository, and what deduplication saved."""
    at = scene.journal.elapsed()
    with Child(_measure_usage, scene.vault) as child:
        yield
        usage, shared_bytes = child.result()
    scene.told.usage, total = usage, usage.total
    stored_bytes = total.share_bytes
    figures: dict[str, Figure] = {"users": usage.groups, "raw_bytes": total.raw_bytes, "stored_bytes": stored_bytes}
    says = (
        f"{bytes_text(total.raw_bytes)} in {plural(total.snapshots, 'snapshot')}, "
        f"{bytes_text(stored_bytes)} stored, {bytes_text(shared_bytes)} shared"
    )
    scene.journal.beside("who uses what", at=at, figures=figures, says=says)


def _measure_usage(vault: Vault) -> tuple[Usage, int]:
    """Return what each user uses, and how much of it more than one does, bytes."""
    repository = vault.repository(RunClock())
    ids = [record.id for record in vault.ledger().completed()]
    manifests = each(partial(load_manifest, repository), ids, WORKERS)
    measured = measure_usage(repository, manifests, attrgetter("user"), workers=WORKERS)
    usage = usage_of(measured.groups, measured.total, measured.additions, by="user")
    return usage, usage.total.share_bytes - sum(round(one.own) for one in measured.groups)


def forget_and_prune(scene: Scene, second: Day) -> None:
    """Forget with the clock moved on until exactly the first day is past retention, prune, and verify every byte.

    Of what is left then, who uses what is told.
    """
    with scene.journal.step("forget and prune") as step:
        vault, retention = scene.vault, scene.vault.settings.promises.retention
        records = vault.ledger().completed()
        due = [record for record in records if record.start < second.began]
        # The moment at which the last of the first day is past retention, and nothing of the second is.
        now = second.began + retention
        repository = vault.repository(MovedClock(now - scene.clock.now()))
        plan = plan_forget(records, Retention(within=retention), now=now)
        forget(repository, plan)
        report = prune(repository, owner="rehearsal", lease=LEASE, workers=WORKERS, readers=READERS)
        kept = vault.ledger().completed()
        upkeep = judge(records, due, kept)
        step.figures.update(forgotten=upkeep.forgotten, kept=upkeep.kept, packs_removed=report.packs_deleted)
        step.says = f"{plural(upkeep.forgotten, 'snapshot')} forgotten, {plural(report.packs_deleted, 'pack')} removed"
    with telling_usage(scene), scene.journal.step("verify every byte") as step:
        checked = verify(repository, read_data=True, workers=WORKERS)
        step.figures.update(packs=checked.packs, chunks=checked.chunks, read_bytes=checked.bytes_read)
        step.says = (
            f"{count_text(checked.snapshots)} snapshots, {count_text(checked.packs)} packs, "
            f"{bytes_text(checked.bytes_read)}: {'whole' if checked.ok else f'{len(checked.damage)} damaged'}"
        )
    scene.told.facts = dataclasses.replace(
        scene.told.facts,
        upkeep=dataclasses.replace(upkeep, verified=checked.ok, packs_removed=report.packs_deleted),
    )


def judge(before: Sequence[Record], due: Sequence[Record], kept: Sequence[Record]) -> Upkeep:
    """Compare what was forgotten with what had to be."""
    left = {record.id for record in kept}
    forgotten = {record.id for record in before} - left
    must_go = {record.id for record in due}
    return Upkeep(
        forgotten=len(forgotten),
        kept=len(left),
        forgotten_too_young=len(forgotten - must_go),
        kept_too_old=len(must_go & left),
        verified=False,
        packs_removed=0,
    )
