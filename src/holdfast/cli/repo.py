"""`holdfast repo`: create, measure and rebuild a repository; manage the keys that open it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from holdfast.backup.stores.in_aws import is_in_aws
from holdfast.cli.keys import GivenKeys, new_key_file_option, new_keys, new_password_option, takes_keys
from holdfast.cli.repository import (
    keys_for,
    keys_to_create,
    opened,
    output_option,
    quiet_option,
    repository_argument,
    repository_named,
)
from holdfast.cli.text import shown_count, shown_path, shown_size, table
from holdfast.errors import ExitStatus, InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from holdfast.backup.ports import KeyProvider, ObjectStore
    from holdfast.backup.repository import Repository


@click.group("repo")
def command() -> None:
    """Create, measure and rebuild repositories; manage their keys.

    REPO is a folder, s3://bucket/prefix or vault:STACK; without it that of HOLDFAST_REPO.
    """


@command.command("create")
@repository_argument
@takes_keys
@output_option
@quiet_option
def create(repo: str, keys: GivenKeys, output: str, quiet: bool) -> None:
    """Create an empty repository in a folder, or at s3://bucket/prefix?key=ARN. A vault's deployment creates its own.

    Each key that is given opens it: the key file (made if it does not exist), the password, the KMS key. Without one
    of them nothing in it can ever be read. Exit status: 0 created; 6 there is one.
    """
    from holdfast.backup.clock import SystemClock
    from holdfast.backup.stores import open as stores

    id_ = stores.create(repo, keys_to_create(repo, keys), clock=SystemClock())
    click.echo(json.dumps({"repository": id_}) if output == "json" else f"created repository {id_}")
    if not quiet:
        click.echo("keep its password or key: without it nothing can be read back", err=True)


@command.command("stats")
@repository_argument
@takes_keys
@output_option
def stats(repo: str, keys: GivenKeys, output: str) -> None:
    """Tell how much is stored, and how much of it is sharing."""
    with opened(repo, keys) as repository:
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
@repository_argument
@takes_keys
@output_option
def rebuild(repo: str, keys: GivenKeys, output: str) -> int:
    """Make the catalogue anew from the packs and manifests; what it still knows stays.

    Exit status: 0 all could be read; 1 stdout names what could not.
    """
    from holdfast.backup.rebuild import rebuild_catalogue

    with opened(repo, keys, to_rebuild=True) as repository:
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
@repository_argument
@output_option
def list_(repo: str, output: str) -> None:
    """List the key slots; no key is needed."""
    from holdfast.backup.keys import list_keys
    from holdfast.backup.stores.open import objects_of

    with objects_of(repo) as (objects, _):
        slots = list_keys(objects)
    if output == "json":
        click.echo(json.dumps(slots, indent=2))
        return
    click.echo(table([("SLOT", "KIND", "RING", "LABEL"), *map(_row, slots)]))


def _row(slot: dict[str, Any]) -> list[str]:
    """Return what people see of a slot; whoever can write the storage may have written anything into it."""
    values = [slot["slot"], slot.get("kind", ""), slot.get("ring", 1), slot.get("label", "")]
    return [shown_path(str(value).encode(errors="backslashreplace")) for value in values]


@key.command("add")
@repository_argument
@takes_keys
@new_key_file_option
@new_password_option
@click.option("--label", default="", metavar="TEXT", help="Whose key it is, for `key list`; stored in clear.")
@output_option
def add(
    repo: str,
    keys: GivenKeys,
    new_password_file: Path | None,
    new_key_file: Path | None,
    label: str,
    output: str,
) -> None:
    """Let one more password or key file open the repository, now that a key at hand does.

    A key file that does not exist is made.
    """
    from holdfast.backup.keys import add_key
    from holdfast.backup.stores.open import objects_of

    if new_password_file and new_key_file:
        raise InvalidRequest("give --new-password-file or --new-key-file, not both: a slot holds one key")
    with objects_of(repo) as (objects, in_aws):
        holders = [*keys_for(repo, keys)(), *in_aws]
        slot = add_key(objects, holders, new_keys(new_password_file, new_key_file)[0], label=label)
    click.echo(json.dumps({"slot": slot}) if output == "json" else f"added key slot {slot}")


@key.command("remove")
@click.argument("names", metavar="[REPO] SLOT", nargs=-1, required=True)
def remove(names: tuple[str, ...]) -> None:
    """Take a key slot away; the last one stays.

    Whoever opened the repository with it may have kept the master key: `rotate` shuts them out of what comes later.
    """
    from holdfast.backup.keys import remove_key
    from holdfast.backup.stores.open import objects_of

    *repos, slot = names
    if len(repos) > 1:
        raise InvalidRequest(f"key remove takes one repository and one slot, got {' '.join(names)!r}")
    with objects_of(repository_named(repos[0] if repos else None, "REPO")) as (objects, _):
        remove_key(objects, slot)
    click.echo(f"removed key slot {slot}", err=True)


@key.command("rotate")
@repository_argument
@takes_keys
@new_key_file_option
@new_password_option
@output_option
def rotate(repo: str, keys: GivenKeys, new_password_file: Path | None, new_key_file: Path | None, output: str) -> None:
    """Seal what is stored from now on under a new key, and retire every key slot but those of the keys given here.

    The password and key file at hand stay, or are replaced by those of --new-password-file and --new-key-file; in AWS
    each KMS key gets a new slot. Others must be added again. No data is rewritten. Exit status: 0 rotated; 5 a key
    does not open it; 6 someone else did.
    """
    from holdfast.backup.keys import require_keys, rotate_keys
    from holdfast.backup.stores.open import objects_of

    with objects_of(repo) as (objects, in_aws):
        held = keys_for(repo, keys)()
        if new_password_file or new_key_file:
            kept: Sequence[KeyProvider] = new_keys(new_password_file, new_key_file)
        else:
            require_keys(objects, held)
            kept = held
        ring = rotate_keys(objects, [*held, *in_aws], [*_kms_keys(repo, objects), *kept])
    click.echo(json.dumps({"ring": ring}) if output == "json" else f"rotated: key ring {ring} is current")


def _kms_keys(repo: str, objects: ObjectStore) -> list[KeyProvider]:
    """Return the KMS keys that open the repository now."""
    from holdfast.backup.keys import list_keys

    if not is_in_aws(repo):
        return []
    from holdfast.backup.stores.aws.clients import Clients
    from holdfast.backup.stores.aws.kms_key import KIND, KmsKey

    clients = Clients()
    return [KmsKey(slot["key"], clients.kms) for slot in list_keys(objects) if slot.get("kind") == KIND]
