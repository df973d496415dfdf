"""A report with everything a rehearsal can say, for tests that draw or store one."""

from __future__ import annotations

from holdfast.report.model import (
    Backup,
    Event,
    Evidence,
    EvidenceFile,
    Growth,
    Mark,
    Promise,
    ReadBackRow,
    Report,
    Series,
    Step,
    Trial,
    Untested,
    Usage,
    Use,
)


def any_promise(**changes: object) -> Promise:
    values: dict[str, object] = {
        "name": "rto",
        "promised": "2 h",
        "value": "24.3 s",
        "evidence": Evidence.MEASURED,
        "met": True,
        "how": "From the loss of us-east-1 to the last restored byte: 312 MB in 8,012 files, nothing extrapolated.",
        "figures": {"used_percent": 0.34},
    }
    return Promise(**{**values, **changes})  # type: ignore[arg-type]


def any_use(name: str, share: int, **changes: object) -> Use:
    values: dict[str, object] = {
        "name": name,
        "snapshots": 2,
        "raw_bytes": 4 * share,
        "distinct_bytes": 3 * share,
        "stored_bytes": 2 * share,
        "share_bytes": share,
        "own_bytes": share // 2,
    }
    return Use(**{**values, **changes})  # type: ignore[arg-type]


def any_usage(**changes: object) -> Usage:
    largest = [any_use(f"user-{number:04}", 3_000_000 - 100_000 * number) for number in range(12)]
    listed = sum(one.share_bytes for one in largest)
    values: dict[str, object] = {
        "by": "user",
        "groups": 1000,
        "largest": largest,
        "rest": any_use("988 others", 141_000_000 - listed, snapshots=1976, distinct_bytes=None, stored_bytes=None),
        "total": any_use(
            "all", 141_000_000, snapshots=2000, raw_bytes=572_000_000, distinct_bytes=174_000_000,
            stored_bytes=141_000_000,
        ),
        "growth": [
            Growth(seconds=at, snapshots=count, raw_bytes=raw, distinct_bytes=distinct, stored_bytes=stored)
            for at, count, raw, distinct, stored in (
                (0.0, 1, 286_000, 286_000, 250_000),
                (40.0, 1000, 286_000_000, 173_000_000, 140_000_000),
                (86_480.0, 2000, 572_000_000, 174_000_000, 141_000_000),
            )
        ],
    }  # fmt: skip
    return Usage(**{**values, **changes})  # type: ignore[arg-type]


def any_report(**changes: object) -> Report:
    values: dict[str, object] = {
        "platforms": ["backup-vault"],
        "promises": [
            any_promise(
                name="rpo",
                promised="24 h",
                value="23 h 12 min",
                evidence=Evidence.DERIVED,
                how="Schedule period, drain of the queue and replication, added up.",
                partly="the day between two runs was not waited for.",
            ),
            any_promise(),
            any_promise(name="retention", promised="60 d", value="60 d", how="Kept until 60 d.", figures={}),
            any_promise(
                name="availability", promised="99.9 %", value="not shown", evidence=Evidence.UNPROVEN, met=None,
                how="No run of minutes can show it.", figures={},
            ),
            any_promise(name="users", promised="1,000", value="1,000", how="Every user got a snapshot.", figures={}),
        ],
        "steps": [
            Step(name="synthesize", seconds=4.1, at=0.0, says="2 stacks, 151 resources"),
            Step(name="deploy", seconds=6.0, at=4.1, says="2 regions"),
            Step(name="first backup", seconds=40.0, at=10.1, says="1,000 users", figures={"stored_bytes": 120_000_000}),
            Step(name="third backup", seconds=12.0, at=50.1, says="us-east-1 lost in the middle"),
            Step(name="restore", seconds=24.3, at=62.1, says="8,012 files compared"),
        ],
        "holdfast": "0.1.0",
        "started": "2026-11-21T02:00:00+00:00",
        "seconds": 90.0,
        "complete": True,
        "command": "holdfast rehearse backup-vault",
        "summary": "1,000 users were backed up twice; their region was lost in the middle of the third run.",
        "figures": {
            "rto_seconds": 24.3, "files_compared": 8012, "dedup_ratio": 3.4, "lag_p99_seconds": 2.6,
            "peak_memory_bytes": 9.1e8,
        },
        "trials": [
            Trial(name="Daily event twice", expected="nothing queued twice", observed="0 new messages", passed=True),
            Trial(name="Poison message", expected="dead-letter queue", observed="there after 3 receives", passed=True),
        ],
        "events": [
            Event(at=62.1, what="us-east-1 lost", mark=Mark.FAULT),
            Event(at=86.4, what="last byte restored", mark=Mark.GOOD),
            Event(at=10.1, what="daily rule fired"),
        ],
        "backups": [
            Backup(
                name="day 1", snapshots=1000, files=7846, logical_bytes=286_000_000, read_bytes=286_000_000,
                unique_bytes=173_000_000, stored_bytes=140_000_000, seconds=40.0,
            ),
            Backup(
                name="day 2", snapshots=1000, files=7846, logical_bytes=286_000_000, read_bytes=3_000_000,
                unique_bytes=1_000_000, stored_bytes=900_000, seconds=14.0,
            ),
        ],
        "replication_lag": [round(0.5 + 0.01 * number, 2) for number in range(200)],
        "series": {
            "backup_1": Series(title="day 1", x_unit="s", y_unit="snapshots", points=[(0, 0), (10, 200), (40, 1000)]),
            "backup_2": Series(title="day 2", x_unit="s", y_unit="snapshots", points=[(0, 0), (5, 400), (14, 1000)]),
            "restore": Series(title="restored", x_unit="s", y_unit="MB", points=[(0, 0), (10, 120), (24.3, 286)]),
            "memory": Series(title="memory", x_unit="s", y_unit="MB", points=[(0, 60), (20, 700), (90, 500)]),
        },
        "usage": any_usage(),
        "read_back": [
            ReadBackRow(
                resource="PrimaryBucket", type="AWS::S3::Bucket", property="VersioningConfiguration.Status",
                wanted="Enabled", got="Enabled", verdict="same",
            ),
            ReadBackRow(
                resource="Trail", type="AWS::CloudTrail::Trail", property="KMSKeyId", wanted="arn:aws:kms:x", got="",
                verdict="not echoed",
            ),
        ],
        "untested": [Untested(subject="Encrypted bytes at rest", why="the embedded AWS keeps SSE-KMS as a header.")],
        "environment": {"Python": "3.11.7", "functions ran on": "python3.11.7 (template: python3.13)"},
        "evidence": [EvidenceFile(name="acknowledged.jsonl", what="acknowledged files", bytes=12345, sha256="ab" * 32)],
    }  # fmt: skip
    return Report(**{**values, **changes})  # type: ignore[arg-type]
