"""S3 replication takes time, can stand still, and needs its role's permission, as in AWS.

Replaces MiniStack's copy within the request: a write is stamped PENDING and queued; a thread copies it once the
configured lag has passed, with its tags and its retention, under the key the rule names for replicas. What waits when
a region is lost stays lost.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from ministack import app as ministack_app
from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region, set_request_account_id, set_request_region
from ministack.services import s3, sts

IDLE_SECONDS = 0.02
KMS_KEY_HEADER = "x-amz-server-side-encryption-aws-kms-key-id"
ALGORITHM_HEADER = "x-amz-server-side-encryption"


@dataclass
class Waiting:
    """A write, or a delete marker, on its way to the replica."""

    account: str
    region: str
    bucket: str
    key: str
    put_at: float
    record: dict[str, Any] | None  # None: a delete marker
    tags: dict[str, str] | None = None
    role: str = ""
    rule: dict[str, Any] = field(default_factory=dict)


class Replication:
    """The queue between source and replica, and the account of what it has done."""

    def __init__(self) -> None:
        self.lag_seconds = 0.0
        self.paused = False
        self.lost: set[str] = set()
        self.finished: list[dict[str, Any]] = []
        self._queue: deque[Waiting] = deque()
        self._lock = threading.Lock()
        self._copy, self._mark_deleted = s3._maybe_replicate, s3._maybe_replicate_delete_marker

    def install(self) -> None:
        """Take MiniStack's place and start the thread that copies."""
        s3._maybe_replicate = self.accept
        s3._maybe_replicate_delete_marker = self.accept_delete_marker
        threading.Thread(target=self._run, daemon=True, name="replication").start()

    def accept(self, bucket: str, key: str, record: dict[str, Any], data: Any, tags: Any = None) -> None:
        """Queue a write if a rule covers it; the copy is made later."""
        rule, role = s3._replication_rule_for(bucket, key, tags)
        if rule is None or (_uses_kms(record) and not _covers_kms(rule)):
            return
        record["replication_status"] = "PENDING"
        self._queue.append(Waiting(get_account_id(), get_region(), bucket, key, time.time(), record, tags, role, rule))

    def accept_delete_marker(self, bucket: str, key: str) -> None:
        """Queue a delete marker; whether the rule wants it is decided when it is due."""
        if s3._bucket_replication.get(bucket):
            self._queue.append(Waiting(get_account_id(), get_region(), bucket, key, time.time(), None))

    def lose(self, region: str) -> None:
        """Drop what waits in a region that is gone, and copy nothing into it."""
        with self._lock:
            self.lost.add(region)
            gone = [write for write in self._queue if write.region == region]
            self._queue = deque(write for write in self._queue if write.region != region)
        for write in gone:
            if write.record is not None:
                self._finish(write, "LOST", f"{region} was lost before it was copied")

    def state(self) -> dict[str, Any]:
        """Return the counts, and every finished copy, oldest first."""
        with self._lock:
            waiting = [write.put_at for write in self._queue]
        return {
            "lag_seconds": self.lag_seconds,
            "paused": self.paused,
            "pending": len(waiting),
            "oldest_pending_at": min(waiting, default=None),
            "finished": list(self.finished),
        }

    def _run(self) -> None:
        while True:
            write = self._next_due()
            if write is None:
                time.sleep(IDLE_SECONDS)
                continue
            set_request_account_id(write.account)
            set_request_region(write.region)
            try:
                self._carry_out(write)
            except Exception as error:  # noqa: BLE001 - the thread outlives one bad object; the report shows why
                self._finish(write, "FAILED", f"{type(error).__name__}: {error}")

    def _next_due(self) -> Waiting | None:
        with self._lock:
            if self.paused or not self._queue:
                return None
            write = self._queue[0]
            half_written = write.record is not None and not write.record.get("version_id")
            if half_written or time.time() < write.put_at + self.lag_seconds:
                return None
            return self._queue.popleft()

    def _carry_out(self, write: Waiting) -> None:
        if write.record is None:
            self._mark_deleted(write.bucket, write.key)
            return
        refused = self._refusal(write)
        if refused:
            _stamp(write, "FAILED")
            self._finish(write, "FAILED", refused)
            return
        copy = {**write.record, "preserved_headers": _replica_headers(write)}
        self._copy(write.bucket, write.key, copy, copy["body"], write.tags)
        _stamp(write, copy["replication_status"])
        if "_replica" in copy:
            _carry_marks(write, *copy["_replica"])
        failed = copy["replication_status"] == "FAILED"
        self._finish(write, copy["replication_status"], "the destination is missing or not versioned" if failed else "")

    def _refusal(self, write: Waiting) -> str:
        destination = write.rule.get("Destination", {})
        replica_bucket = destination.get("Bucket", "").rpartition(":")[2]
        if s3.bucket_region(replica_bucket) in self.lost:
            return f"the region of {replica_bucket} is lost"
        return _denied(write, replica_bucket) if ministack_app.AUTH else ""

    def _finish(self, write: Waiting, status: str, reason: str = "") -> None:
        destination = write.rule.get("Destination", {}).get("Bucket", "").rpartition(":")[2]
        self.finished.append(
            {
                "bucket": write.bucket,
                "key": write.key,
                "version_id": (write.record or {}).get("version_id", ""),
                "replica_bucket": destination,
                "put_at": write.put_at,
                "replica_at": time.time() if status == "COMPLETED" else None,
                "status": status,
                "reason": reason,
            }
        )


_replication: Replication | None = None


def replication() -> Replication:
    """Return the one queue of this process."""
    assert _replication is not None, "install() comes first"
    return _replication


def install() -> None:
    """Put the queue in MiniStack's place."""
    global _replication
    _replication = Replication()
    _replication.install()


def _uses_kms(record: dict[str, Any]) -> bool:
    return str(record.get("preserved_headers", {}).get(ALGORITHM_HEADER, "")).startswith("aws:kms")


def _covers_kms(rule: dict[str, Any]) -> bool:
    """AWS replicates SSE-KMS objects only where the rule selects them."""
    selection = rule.get("SourceSelectionCriteria", {}).get("SseKmsEncryptedObjects", {})
    return bool(selection.get("Status") == "Enabled")


def _replica_headers(write: Waiting) -> dict[str, str]:
    assert write.record is not None
    headers = dict(write.record.get("preserved_headers", {}))
    key = write.rule.get("Destination", {}).get("EncryptionConfiguration", {}).get("ReplicaKmsKeyID")
    return {**headers, KMS_KEY_HEADER: key} if key and _uses_kms(write.record) else headers


def _stamp(write: Waiting, status: str) -> None:
    """Let the source, and its entry in the version list, tell the outcome."""
    assert write.record is not None
    write.record["replication_status"] = status
    for version in s3._object_versions.get((write.bucket, write.key), []):
        if version["version_id"] == write.record["version_id"]:
            version["replication_status"] = status


def _carry_marks(write: Waiting, replica_bucket: str, replica_version: str, account: str) -> None:
    """Give the replica its source's tags, retention and legal hold, or else its own bucket's default retention."""
    assert write.record is not None
    source = (write.bucket, write.key, write.record["version_id"])
    replica = (replica_bucket, write.key, replica_version)
    with s3._in_account(account):
        s3._apply_object_lock_from_headers(replica_bucket, write.key, {}, replica_version)
        for marks in (s3._object_tags, s3._object_retention, s3._object_legal_hold):
            if marks.get(source) is not None:
                marks[replica] = marks[source]


def _denied(write: Waiting, replica_bucket: str) -> str:
    """Return which permission the replication role lacks; empty if none. Enforced at the strict level only."""
    assert write.record is not None
    source, target = f"arn:aws:s3:::{write.bucket}", f"arn:aws:s3:::{replica_bucket}/{write.key}"
    needs = [
        ("s3", "s3:GetReplicationConfiguration", source),
        ("s3", "s3:GetObjectVersionForReplication", f"{source}/{write.key}"),
        ("s3", "s3:ReplicateObject", target),
    ]
    if _uses_kms(write.record):
        needs.append(("kms", "kms:Decrypt", write.record["preserved_headers"].get(KMS_KEY_HEADER, "")))
        needs.append(("kms", "kms:Encrypt", _replica_headers(write).get(KMS_KEY_HEADER, "")))
    session = _role_session(write)
    iam_evaluator.pin_request_origin("127.0.0.1", True)  # S3 copies over TLS, which bucket policies demand
    for service, action, resource in needs:
        bucket = replica_bucket if action == "kms:Encrypt" else write.bucket
        context = {
            "kms:ViaService": f"s3.{s3.bucket_region(bucket)}.amazonaws.com",
            "kms:EncryptionContext:aws:s3:arn": f"arn:aws:s3:::{bucket}",  # a bucket key is at work
        }
        if iam_evaluator.enforce(
            session, action, service, write.region, resource_arn=resource, service_context=context
        ):
            return f"{write.role} may not {action} on {resource}"
    return ""


def _role_session(write: Waiting) -> str:
    name = write.role.rpartition("/")[2]
    access_key = f"ASIAREPLICATION{abs(hash(write.role)) % 10**10:010d}"
    arn = f"arn:aws:sts::{write.account}:assumed-role/{name}/s3-replication"
    sts.register_session(access_key, {"Arn": arn, "UserId": name, "SecretAccessKey": "unused", "SessionToken": ""})
    return access_key
