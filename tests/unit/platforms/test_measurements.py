from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from holdfast.errors import InvalidRequest
from holdfast.platforms.measurements import with_measurements
from holdfast.platforms.promises import Promise
from holdfast.settings.load import defaults

RTO = Promise(name="rto", promised="2h", value="not known", evidence="unproven", met=None, sum="depends")
RPO = Promise(name="rpo", promised="24h", value="16h", evidence="derived", met=True, sum="a sum")


def drill(folder: Path, seconds: float, *, promise: str = "rto", **more: Any) -> Path:
    path = folder / f"{promise}-{seconds}.json"
    measured = {"name": promise, "evidence": "measured", "value": f"{seconds}s", "seconds": seconds}
    told = {"drill": "restore", "target": "repo", "started": "2026-11-21T02:00:00+00:00", "promises": [measured]}
    path.write_text(json.dumps({**told, **more}))
    return path


def judged(*files: Path, platform: str = "backup-vault") -> dict[str, Promise]:
    return {one.name: one for one in with_measurements([RPO, RTO], defaults(platform), files)}


@pytest.mark.parametrize(("seconds", "met"), [(7200, True), (7201, False)])
def test_what_could_not_be_derived_is_proved_or_refuted(tmp_path: Path, seconds: int, met: bool) -> None:
    rto = judged(drill(tmp_path, seconds))["rto"]
    assert (rto.evidence, rto.value, rto.met) == ("measured", f"{seconds}s", met)
    assert rto.sum == f"measured by `holdfast drill restore` of repo on 2026-11-21: {seconds}s; depends"


def test_good_moment_does_not_replace_a_derived_bound(tmp_path: Path) -> None:
    rpo = judged(drill(tmp_path, 60, promise="rpo"))["rpo"]
    assert (rpo.evidence, rpo.value, rpo.met) == ("derived", "16h", True)
    assert "60s" in rpo.sum


def test_bad_moment_refutes_a_derived_bound(tmp_path: Path) -> None:
    rpo = judged(drill(tmp_path, 86_401, promise="rpo"))["rpo"]
    assert (rpo.evidence, rpo.met) == ("measured", False)


@pytest.mark.parametrize("order", [(10, 9000), (9000, 10)])
def test_worst_of_several_stands(tmp_path: Path, order: tuple[int, int]) -> None:
    rto = judged(*(drill(tmp_path, seconds) for seconds in order))["rto"]
    assert (rto.value, rto.met) == ("9000s", False)


def test_rehearsal_is_read_by_its_figures(tmp_path: Path) -> None:
    promises = [{"name": "rto", "evidence": "measured", "value": "5.0 s", "figures": {"seconds": 5.0}}]
    path = tmp_path / "rehearsal.json"
    told = {"platforms": ["backup-vault"], "started": "2026-11-21T02:00:00+00:00", "promises": promises}
    path.write_text(json.dumps({**told, "complete": True}))
    assert judged(path)["rto"].met is True


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"platforms": ["web-application"]}, "is of web-application, not of backup-vault"),
        ({"complete": False}, "not completed"),
    ],
)
def test_measurement_of_something_else_is_refused(tmp_path: Path, more: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidRequest, match=told):
        judged(drill(tmp_path, 1, **more))


def test_drill_of_a_repository_says_nothing_about_a_database(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="keeps none"):
        judged(drill(tmp_path, 1), platform="serverless-database")


@pytest.mark.parametrize("text", ["{", "[]", '{"promises": []}', "\x00"])
def test_file_that_is_no_measurement_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "odd.json"
    path.write_text(text)
    with pytest.raises(InvalidRequest, match="neither"):
        judged(path)
