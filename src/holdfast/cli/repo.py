"""`holdfast repo`: create, measure and rebuild a repository; manage the keys that open it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from holdfast.cli.repository import keys_for, new_password, opened, output_option, password_option, quiet_option
from holdfast.cli.text import shown_count, shown_size, table
from holdfast.errors import ExitStatus

if TYPE_CHECKING:
    from holdfast.backup.ports import KeyProvider, ObjectStore
    from holdfast.backup.repository import Repository

new_password_option = click.option(
    "--new-password-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File whose first line is the password to add; else a prompt.",
)


@click.group("repo")
def command() -> None:
    """Create, measure and rebuild repositories; manage their keys. REPO is a folder or s3://bucket/prefix."""


@command.command("create")
@click.argument("repo", metavar="REPO")
@password_option
@output_option
@quiet_option
def create(repo: str, password_file: Path | None, output: str, quiet: bool) -> None:
    """Create an empty repository in a folder, or at s3://bucket/prefix?key=ARN. A vault's deployment creates its own.

    Without its password, or its KMS key, nothing in it can ever be read. Exit status: 0 created; 6 there is one.
    """
    from holdfast.backup.clock import SystemClock
    from holdfast.backup.stores import open as stores

    id_ = stores.create(repo, keys_for(repo, password_file, confirm=True), clock=SystemClock())
    click.echo(json.dumps({"repository": id_}) if output == "json" else f"created repository {id_}")
    if not quiet:
        click.echo("keep its password or key: without it nothing can be read back", err=True)


@command.command("stats")
@click.argument("repo", metavar="REPO")
@password_option
@output_option
def stats(repo: str, password_file: Path | None, output: str) -> None:
    """Tell how much is stored, and how much of it is sharing."""
    with opened(repo, password_file) as repository:
        figures = _figures(repository)
    if output == "json":
        click.echo(json.dumps(figures, indent=2))
        return
    click.echo(
        f"{shown_count(figures['snapshots'], 'snapshot')} of {shown_size(figures['snapshots_bytes'])} in all; "
        f"{shown_count(figures['packs'], 'pack')} of {shown_size(figures['packs_bytes'])}"
    )
    for state, size in figures["bytes_by_state"].items():
        click.echo(f"  {state}: {shown_size(size)}")


def _figures(repository: Repository) -> dict[str, Any]:
    by_state: dict[str, int] = {}
    packs = 0
    for row in repository.index.packs():
        packs += 1
        name = f"{row.state.value.lower()} {row.kind.value}"
        by_state[name] = by_state.get(name, 0) + row.size
    records = repository.ledger.completed()
    return {
        "repository": repository.id,
        "snapshots": len(records),
        "snapshots_bytes": sum(int(record.figures.get("size", 0)) for record in records),
        "packs": packs,
        "packs_bytes": sum(by_state.values()),
        "bytes_by_state": dict(sorted(by_state.items())),
    }


@command.command("rebuild")
@click.argument("repo", metavar="REPO")
@password_option
@output_option
def rebuild(repo: str, password_file: Path | None, output: str) -> int:
    """Make the catalogue anew from the packs and manifests; what it still knows stays.

    Exit status: 0 all could be read; 1 stdout names what could not.
    """
    from holdfast.backup.rebuild import rebuild_catalogue

    with opened(repo, password_file, to_rebuild=True) as repository:
        report = rebuild_catalogue(repository)
    if output == "json":
        damaged = [{"object": name, "what": what} for name, what in report.damaged]
        counts = {"packs": report.packs, "chunks": report.chunks, "snapshots": report.snapshots}
        click.echo(json.dumps({**counts, "damaged": damaged}, indent=2))
    else:
        for name, what in report.damaged:
            click.echo(f"{name}: {what}")
        click.echo(
            f"added {shown_count(report.packs, 'pack')} with {shown_count(report.chunks, 'chunk')}; "
            f"read {shown_count(report.snapshots, 'snapshot')}"
        )
    return ExitStatus.ANSWER_IS_NO if report.damaged else ExitStatus.DONE


@command.group("key")
def key() -> None:
    """Manage the keys that open a repository."""


@key.command("list")
@click.argument("repo", metavar="REPO")
@output_option
def list_(repo: str, output: str) -> None:
    """List the key slots; no password is needed."""
    from holdfast.backup.keys import list_keys
    from holdfast.backup.stores.open import objects_of

    with objects_of(repo) as (objects, _):
        slots = list_keys(objects)
    if output == "json":
        click.echo(json.dumps(slots, indent=2))
        return
    click.echo(
        table([("SLOT", "KIND", "RING"), *((one["slot"], one["kind"], str(one.get("ring", 1))) for one in slots)])
    )


@key.command("add")
@click.argument("repo", metavar="REPO")
@password_option
@new_password_option
@output_option
def add(repo: str, password_file: Path | None, new_password_file: Path | None, output: str) -> None:
    """Let one more password open the repository, now that HOLDFAST_PASSWORD, --password-file or the KMS key does."""
    from holdfast.backup.key_slots import PasswordKey
    from holdfast.backup.keys import add_key
    from holdfast.backup.stores.open import objects_of

    with objects_of(repo) as (objects, in_aws):
        holders = [*in_aws, *keys_for(repo, password_file)()]
        slot = add_key(objects, holders, PasswordKey(new_password(new_password_file)))
    click.echo(json.dumps({"slot": slot}) if output == "json" else f"added key slot {slot}")


@key.command("remove")
@click.argument("repo", metavar="REPO")
@click.argument("slot", metavar="SLOT")
def remove(repo: str, slot: str) -> None:
    """Take a key slot away; the last one stays.

    Whoever opened the repository with it may have kept the master key: `rotate` shuts them out of what comes later.
    """
    from holdfast.backup.keys import remove_key
    from holdfast.backup.stores.open import objects_of

    with objects_of(repo) as (objects, _):
        remove_key(objects, slot)
    click.echo(f"removed key slot {slot}", err=True)


@key.command("rotate")
@click.argument("repo", metavar="REPO")
@password_option
@new_password_option
@output_option
def rotate(repo: str, password_file: Path | None, new_password_file: Path | None, output: str) -> None:
    """Seal what is stored from now on under a new key, and retire every key slot but those of the keys given here.

    The password stays, or is replaced by that of --new-password-file; in AWS each KMS key gets a new slot. Other
    passwords must be added again. No data is rewritten. Exit status: 0 rotated; 5 no key opens it; 6 someone else did.
    """
    from holdfast.backup.key_slots import PasswordKey
    from holdfast.backup.keys import rotate_keys
    from holdfast.backup.stores.open import objects_of

    with objects_of(repo) as (objects, in_aws):
        passwords = keys_for(repo, password_file)()
        new = [PasswordKey(new_password(new_password_file))] if new_password_file else passwords
        ring = rotate_keys(objects, [*in_aws, *passwords], [*_kms_keys(repo, objects), *new])
    click.echo(json.dumps({"ring": ring}) if output == "json" else f"rotated: key ring {ring} is current")


def _kms_keys(repo: str, objects: ObjectStore) -> list[KeyProvider]:
    """Return the KMS keys that open the repository now."""
    from holdfast.backup.keys import list_keys
    from holdfast.backup.stores.open import is_in_aws

    if not is_in_aws(repo):
        return []
    from holdfast.backup.stores.aws.clients import Clients
    from holdfast.backup.stores.aws.kms_key import KIND, KmsKey

    clients = Clients()
    return [KmsKey(slot["key"], clients.kms) for slot in list_keys(objects) if slot["kind"] == KIND]
