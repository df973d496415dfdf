from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.settings.backup_archive import BackupArchive

BAD = [
    ({"cold": {}}, "archive.keep_deleted must be 330d or more with archive.cold"),
    ({"keep_deleted": "365d", "cold": {"glacier_after": "30d"}}, "must be promises.retention (60d) or more"),
    (
        {"keep_deleted": "365d", "cold": {"deep_archive_after": "149d"}},
        "archive.cold.deep_archive_after must be 90d or more after glacier_after (60d), got 149d",
    ),
    ({"intelligent_tiering_after": "36h"}, "archive.intelligent_tiering_after must be whole days, got 129600s"),
    ({"prefix": "archives"}, "1 to 6 lower-case letters and digits"),
    (
        {"source_key": "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"},
        "archive.source_key needs archive.source_bucket",
    ),
]


@pytest.mark.parametrize(("section", "line"), BAD)
def test_a_lifecycle_that_cannot_be_is_refused_in_one_line(section: dict[str, object], line: str) -> None:
    with pytest.raises(ValueError, match="validation error") as caught:
        BackupArchive.model_validate({"archive": section})
    assert line in str(caught.value)


def test_a_compliance_lock_and_destruction_exclude_each_other() -> None:
    with pytest.raises(ValueError, match=r"archive\.lock\.mode is compliance"):
        BackupArchive.model_validate({"removal": "destroy", "archive": {"lock": {"mode": "compliance"}}})


days = st.integers(1, 800).map(lambda count: f"{count}d")


@given(glacier=days, deep=st.none() | days, kept=days, retention=days)
def test_accepted_cold_storage_keeps_every_minimum(glacier: str, deep: str | None, kept: str, retention: str) -> None:
    section = {"keep_deleted": kept, "cold": {"glacier_after": glacier, "deep_archive_after": deep}}
    try:
        found = BackupArchive.model_validate({"promises": {"retention": retention}, "archive": section})
    except ValueError:
        return
    cold = found.archive.cold
    assert cold is not None
    assert cold.glacier_after >= found.promises.retention
    ends = [
        cold.glacier_after,
        *([cold.deep_archive_after] if cold.deep_archive_after else []),
        found.archive.keep_deleted,
    ]
    spans = [(later - earlier).days for earlier, later in itertools.pairwise(ends)]
    assert spans[0] >= 90
    assert spans[-1] >= (180 if cold.deep_archive_after else 90)
