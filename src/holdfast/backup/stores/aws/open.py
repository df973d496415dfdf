"""Opening a repository in AWS by the name a user gives it: `vault:STACK` or `s3://bucket/prefix`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from urllib.parse import parse_qsl

from botocore.exceptions import ClientError

from holdfast.backup.ids import RepositoryId
from holdfast.backup.ports import ChunkIndex, Clock, KeyProvider, Ledger, ObjectStore
from holdfast.backup.rebuild import rebuild_catalogue
from holdfast.backup.repository import Repository, create_repository, open_repository
from holdfast.backup.stores.aws.chunk_index import DynamoChunkIndex
from holdfast.backup.stores.aws.clients import Clients
from holdfast.backup.stores.aws.errors import aws_errors
from holdfast.backup.stores.aws.kms_key import KmsKey
from holdfast.backup.stores.aws.ledger import DynamoLedger
from holdfast.backup.stores.aws.objects import S3Objects
from holdfast.backup.stores.aws.rows import HASH
from holdfast.backup.stores.memory import MemoryCatalogue
from holdfast.backup.stores.read_only import ReadOnlyObjects
from holdfast.errors import InvalidRequest, NotFound

VAULT, BUCKET = "vault:", "s3://"
OPTIONS = ("region", "key", "metadata", "deduplication", "hash")
URI_OUTPUT = "RepositoryUri"
METADATA_OUTPUT, DEDUPLICATION_OUTPUT = "MetadataTableName", "DeduplicationTableName"
HASH_OUTPUT = "DeduplicationKeyAttribute"
KEY_OUTPUT = "EncryptionKeyId"
REPLICA_PREFIX = "backups/"
REPLICA_BUCKET_OUTPUT, REPLICA_KEY_OUTPUT = "ReplicationBucketArn", "ReplicationKeyArn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a repository in AWS is. Without its two tables it can be read, through a catalogue made of its footers.

    `key_arn` is the one KMS key to trust; None trusts whatever key a slot names.
    """

    bucket: str
    prefix: str
    region: str | None = None
    key_arn: str | None = None
    metadata: str | None = None
    deduplication: str | None = None
    hash_attribute: str = HASH


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsStores:
    """A repository's stores and its KMS key. Without its tables the catalogue is empty and nothing can be changed."""

    objects: ObjectStore
    index: ChunkIndex
    ledger: Ledger
    keys: Sequence[KeyProvider]
    has_tables: bool


def stores_in_aws(repo: str, *, clients: Clients | None = None) -> AwsStores:
    """Return the stores of `vault:STACK`, or of `s3://bucket/prefix` with its options; asks for no repository.

    Raises:
        NotFound: no such stack.
        InvalidRequest: not such a name.
    """
    clients = clients or Clients()
    place = locate(repo, clients)
    objects = S3Objects(
        clients.s3(place.region), place.bucket, place.prefix, connect=partial(clients.another, "s3", place.region)
    )
    keys = [KmsKey(place.key_arn, clients.kms)]
    if place.metadata and place.deduplication:
        dynamodb = clients.dynamodb(place.region)
        index = DynamoChunkIndex(
            dynamodb,
            place.deduplication,
            place.metadata,
            hash_attribute=place.hash_attribute,
            connect=partial(clients.another, "dynamodb", place.region),
        )
        ledger = DynamoLedger(dynamodb, place.metadata)
        return AwsStores(objects=objects, index=index, ledger=ledger, keys=keys, has_tables=True)
    reason = f"{repo} is open without its tables and can only be read; name the stack as vault:STACK to change it"
    catalogue = MemoryCatalogue()
    return AwsStores(
        objects=ReadOnlyObjects(objects, reason), index=catalogue, ledger=catalogue, keys=keys, has_tables=False
    )


def open_in_aws(
    repo: str,
    *,
    clock: Clock,
    clients: Clients | None = None,
    providers: Sequence[KeyProvider] = (),
    ahead: Callable[[ObjectStore, Ledger], None] | None = None,
) -> Repository:
    """Open `vault:STACK`, or `s3://bucket/prefix` with its options; `providers` are tried before the KMS key.

    `ahead` may ask the stores for something while the repository is opened, unless the catalogue is to be rebuilt.
    A bucket without its tables, a replica for example, is opened read-only: the catalogue is rebuilt in memory from the
    packs' footers.

    Raises:
        NotFound: no such stack, or no repository there.
        InvalidRequest: not such a name.
    """
    stores = stores_in_aws(repo, clients=clients)
    if ahead and stores.has_tables:
        ahead(stores.objects, stores.ledger)
    repository = open_repository(stores.objects, stores.index, stores.ledger, [*providers, *stores.keys], clock=clock)
    if not stores.has_tables:
        rebuild_catalogue(repository)
    return repository


def create_in_aws(
    repo: str, *, clock: Clock, clients: Clients | None = None, providers: Sequence[KeyProvider] = ()
) -> RepositoryId:
    """Create a repository at `s3://bucket/prefix?key=ARN`, or one that `providers` open.

    Raises:
        InvalidRequest: a vault, whose deployment does it; no key.
        Conflict: there is one.
    """
    if repo.startswith(VAULT):
        raise InvalidRequest(f"the repository of {repo} is created by its deployment; use `holdfast deploy`")
    clients = clients or Clients()
    place = locate(repo, clients)
    keys = [*([KmsKey(place.key_arn, clients.kms)] if place.key_arn else []), *providers]
    return create_repository(S3Objects(clients.s3(place.region), place.bucket, place.prefix), keys, clock=clock)


def locate(repo: str, clients: Clients) -> Place:
    """Return where a repository is, asking CloudFormation about a stack.

    Raises:
        InvalidRequest: not such a name.
        NotFound: no such stack, or one that is not a vault's.
    """
    name, _, query = repo.partition("?")
    options = _options(repo, query)
    if name.startswith(VAULT):
        return _of_stack(name.removeprefix(VAULT), options.get("region"), clients)
    bucket, _, prefix = name.removeprefix(BUCKET).partition("/")
    if not name.startswith(BUCKET) or not bucket:
        raise InvalidRequest(f"repository must be a folder, s3://bucket/prefix or vault:STACK, got {repo!r}")
    if ("metadata" in options) != ("deduplication" in options):
        raise InvalidRequest(f"{repo!r} names one of its tables; give both 'metadata' and 'deduplication', or neither")
    return Place(
        bucket=bucket,
        prefix=_folder(prefix),
        region=options.get("region"),
        key_arn=options.get("key"),
        metadata=options.get("metadata"),
        deduplication=options.get("deduplication"),
        hash_attribute=options.get("hash", HASH),
    )


def outputs_of(stack: str, region: str | None, clients: Clients) -> dict[str, str]:
    """Return a stack's outputs, and `StackId`, which holds region and account.

    Raises:
        NotFound: no such stack here.
    """
    if not stack:
        raise InvalidRequest("vault: needs the name of a stack, as in vault:backup-vault-prod")
    client = clients.cloudformation(region)
    with aws_errors(f"CloudFormation DescribeStacks of {stack}"):
        try:
            found = client.describe_stacks(StackName=stack)["Stacks"]
        except ClientError as error:
            if "does not exist" not in str(error):  # CloudFormation has no code of its own for it
                raise
            where = client.meta.region_name
            raise NotFound(f"no stack {stack!r} in {where}; check its name and region") from error
    outputs = {output["OutputKey"]: output["OutputValue"] for output in found[0].get("Outputs", [])}
    return {**outputs, "StackId": found[0]["StackId"]}


def _of_stack(stack: str, region: str | None, clients: Clients) -> Place:
    outputs = outputs_of(stack, region, clients)
    if REPLICA_BUCKET_OUTPUT in outputs:
        return _of_replica(outputs, region)
    if missing := [name for name in (URI_OUTPUT, METADATA_OUTPUT, DEDUPLICATION_OUTPUT) if name not in outputs]:
        raise NotFound(f"stack {stack!r} is no backup vault: it has no output {missing[0]}; name the vault's stack")
    bucket, _, prefix = outputs[URI_OUTPUT].removeprefix(BUCKET).partition("/")
    return Place(
        bucket=bucket,
        prefix=_folder(prefix),
        region=region,
        key_arn=_key_arn(outputs),
        metadata=outputs[METADATA_OUTPUT],
        deduplication=outputs[DEDUPLICATION_OUTPUT],
        hash_attribute=outputs.get(HASH_OUTPUT, HASH),
    )


def _of_replica(outputs: Mapping[str, str], region: str | None) -> Place:
    """Return the place of a replica: the primary's prefix in another bucket, and no tables."""
    bucket = outputs[REPLICA_BUCKET_OUTPUT].rpartition(":")[2]
    return Place(bucket=bucket, prefix=REPLICA_PREFIX, region=region, key_arn=outputs[REPLICA_KEY_OUTPUT])


def _key_arn(outputs: Mapping[str, str]) -> str | None:
    """Return the ARN of the vault's key, which the output names by its id alone."""
    key = outputs.get(KEY_OUTPUT)
    if key is None or key.startswith("arn:"):
        return key
    _, partition, _, region, account, *_ = outputs["StackId"].split(":")
    return f"arn:{partition}:kms:{region}:{account}:key/{key}"


def _options(repo: str, query: str) -> dict[str, str]:
    options = dict(parse_qsl(query, keep_blank_values=True))
    if unknown := sorted(set(options) - set(OPTIONS)):
        raise InvalidRequest(f"{repo!r} has the option {unknown[0]!r}; allowed are {', '.join(OPTIONS)}")
    if empty := sorted(name for name, value in options.items() if not value):
        raise InvalidRequest(f"{repo!r} has an empty {empty[0]!r}; give it a value or leave it out")
    return options


def _folder(prefix: str) -> str:
    return f"{prefix.strip('/')}/" if prefix.strip("/") else ""
