from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from holdfast.errors import InvalidRequest, NotFound
from holdfast.report.model import Evidence, Trial, Verdict, from_json, load, to_json
from tests.support.reports import any_promise, any_report


def test_json_gives_back_an_equal_report() -> None:
    again = from_json(to_json(any_report()))
    assert to_json(again) == to_json(any_report())
    assert again.promises[0] == any_report().promises[0]


def test_json_has_the_keys_others_rely_on() -> None:
    document = json.loads(to_json(any_report()))
    assert document["platforms"] == ["backup-vault"]
    assert {"name", "promised", "evidence", "value", "met"} <= document["promises"][0].keys()
    assert {"name", "seconds", "figures"} <= document["steps"][0].keys()
    assert [promise["met"] for promise in document["promises"]] == [True, True, True, None, True]


def test_unknown_keys_are_ignored() -> None:
    document = json.loads(to_json(any_report())) | {"later": 1}
    assert from_json(json.dumps(document).encode()).seconds == any_report().seconds


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"{", "Invalid JSON"),
        (b"{}", "platforms"),
        (to_json(any_report()).replace(b'"complete": true', b'"complete": "perhaps"'), "complete"),
        (to_json(any_report()).replace(b'"format": 1', b'"format": 2'), "format 2 is newer"),
    ],
)
def test_a_file_that_is_no_report_is_refused_with_the_place(data: bytes, says: str) -> None:
    with pytest.raises(InvalidRequest, match=says) as caught:
        from_json(data)
    assert "\n" not in str(caught.value)


def test_a_folder_without_a_rehearsal_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="--out"):
        load(tmp_path)


def test_a_run_is_held_only_if_complete_with_nothing_disproved() -> None:
    report = any_report()
    broken = any_promise(met=False)
    failed = Trial(name="x", expected="a", observed="b", passed=False)
    assert report.verdict is Verdict.HELD
    assert dataclasses.replace(report, complete=False).verdict is Verdict.INCOMPLETE
    assert dataclasses.replace(report, promises=[broken]).verdict is Verdict.NOT_MET
    assert dataclasses.replace(report, trials=[failed]).verdict is Verdict.NOT_MET
    assert dataclasses.replace(report, complete=False, trials=[failed]).verdict is Verdict.NOT_MET


def test_an_unproven_promise_counts_neither_as_met_nor_as_broken() -> None:
    report = any_report(promises=[any_promise(met=None, evidence=Evidence.UNPROVEN)])
    assert (report.met, report.verdict) == (0, Verdict.HELD)
