"""Opening a repository by the name a user gives it: a folder, `s3://bucket/prefix` or `vault:STACK`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from holdfast.backup.ids import RepositoryId
from holdfast.backup.manifest import PREFIX as MANIFESTS
from holdfast.backup.ports import Clock, KeyProvider, Ledger, ObjectStore
from holdfast.backup.repository import CONFIG, Repository, create_repository, open_repository
from holdfast.backup.stores.in_aws import is_in_aws
from holdfast.backup.stores.local import LocalObjects, made_folder
from holdfast.backup.stores.os_errors import os_errors
from holdfast.errors import Conflict, IntegrityError, InvalidRequest, NotFound

CATALOGUE = "catalogue.sqlite"
LEFT_BY_A_CREATION = {"keys", "tmp"}
Keys = Callable[[], Sequence[KeyProvider]]
"""Gives the keys at hand beside those of AWS; asked only once it is known that there is a repository."""
Ahead = Callable[[ObjectStore, Ledger], None]


@contextmanager
def opened(
    repo: str, keys: Keys, *, clock: Clock, to_rebuild: bool = False, ahead: Ahead | None = None
) -> Iterator[Repository]:
    """Open the repository and close what it holds at the end.

    In AWS, where answers come late, `ahead` may ask for something before the repository is open.

    Raises:
        NotFound: there is none.
        WrongKey: no key at hand opens it.
        IntegrityError: it holds snapshots and its catalogue is gone; with `to_rebuild` an empty one is made.
    """
    if is_in_aws(repo):
        from holdfast.backup.stores.aws.clients import Clients
        from holdfast.backup.stores.aws.open import open_in_aws

        clients = Clients()
        try:
            yield open_in_aws(repo, clock=clock, clients=clients, providers=keys(), ahead=ahead)
        finally:
            clients.close()
        return
    from holdfast.backup.stores.sqlite_catalogue import SqliteCatalogue

    root = _existing(repo)
    objects = LocalObjects(root)
    if not to_rebuild and _is_lost(root / CATALOGUE) and next(objects.list(MANIFESTS), None) is not None:
        raise IntegrityError(f"the catalogue of {repo!r} is missing; run `holdfast repo rebuild {repo}`")
    catalogue = SqliteCatalogue(root / CATALOGUE)
    try:
        yield open_repository(objects, catalogue, catalogue, keys(), clock=clock)
    finally:
        catalogue.close()


def create(repo: str, keys: Keys, *, clock: Clock) -> RepositoryId:
    """Create an empty repository; a folder for it must be new or empty.

    Raises:
        Conflict: there is one.
        InvalidRequest: the folder holds something else.
    """
    if is_in_aws(repo):
        from holdfast.backup.stores.aws.open import create_in_aws

        return create_in_aws(repo, clock=clock, providers=keys())
    root = Path(repo)
    with os_errors(f"create {repo!r}"):
        if (root / CONFIG).exists():
            raise Conflict(f"there is a repository in {repo!r} already: use it, or choose another place")
        with made_folder(root):
            if others := sorted({path.name for path in root.iterdir()} - LEFT_BY_A_CREATION):
                raise InvalidRequest(f"folder {repo!r} holds {others[0]!r}; name one that is new or empty")
            return create_repository(LocalObjects(root), keys(), clock=clock)


@contextmanager
def objects_of(repo: str, *, to_mend: bool = False) -> Iterator[tuple[ObjectStore, Sequence[KeyProvider]]]:
    """Open the objects alone, without a key, for what concerns keys themselves; with them, the keys AWS gives.

    With `to_mend` a folder whose config is lost is opened too, if it holds packs.
    """
    if not is_in_aws(repo):
        lost = to_mend and (Path(repo) / "packs").is_dir()
        yield LocalObjects(Path(repo) if lost else _existing(repo)), ()
        return
    from holdfast.backup.stores.aws.clients import Clients
    from holdfast.backup.stores.aws.kms_key import KmsKey
    from holdfast.backup.stores.aws.objects import S3Objects
    from holdfast.backup.stores.aws.open import locate

    clients = Clients()
    try:
        place = locate(repo, clients)
        objects = S3Objects(clients.s3(place.region), place.bucket, place.prefix)
        yield objects, [KmsKey(place.key_arn, clients.kms)]
    finally:
        clients.close()


def _is_lost(catalogue: Path) -> bool:
    """Say whether the file is not there or empty, as a crash of the system may leave one; a new one has a page."""
    return not catalogue.exists() or catalogue.stat().st_size == 0


def _existing(repo: str) -> Path:
    root = Path(repo)
    with os_errors(f"read {repo!r}"):
        if not (root / CONFIG).exists():
            raise NotFound(f"no repository in {repo!r}; make one with `holdfast repo create`")
    return root
