"""`holdfast find` and `holdfast stats`."""

from __future__ import annotations

from pathlib import Path

from tests.support.command_line import Run
from tests.support.repositories import noise


def test_find_tells_in_which_snapshots_a_name_is(holdfast: Run, tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "a.pdf").write_bytes(noise(1000))
    holdfast("repo", "create", "repo")
    for user in ("ann", "bob"):
        assert holdfast("backup", "source", "--repo", "repo", "--user", user).status == 0
    (one,) = holdfast("find", "*.pdf", "--repo", "repo", "--output", "json").json
    assert (one["path"], one["size"], len(one["snapshots"])) == (str(tmp_path / "source" / "a.pdf"), 1000, 2)
    assert "2 snapshots, newest" in holdfast("find", "*.pdf", "--repo", "repo").out
    assert "2 snapshots" not in holdfast("find", "*.pdf", "--repo", "repo", "--user", "ann").out
    assert holdfast("find", "a.pdf", "--repo", "repo", "--snapshot", "latest").status == 0
    assert holdfast("find", "*.txt", "--repo", "repo").status == 1


def test_stats_tell_who_uses_how_much(holdfast: Run, tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "file").write_bytes(noise(100_000))
    holdfast("repo", "create", "repo")
    for user in ("ann", "bob"):
        holdfast("backup", "source", "--repo", "repo", "--user", user)
    report = holdfast("stats", "--repo", "repo", "--output", "json").json
    assert [one["user"] for one in report["groups"]] == ["ann", "bob"]
    assert report["total"]["raw"] == 200_000
    assert report["total"]["stored"] < 110_000
    text = holdfast("stats", "--repo", "repo", "--by", "snapshot")
    assert text.out.splitlines()[0].split() == ["SNAPSHOT", "SNAPSHOTS", "RAW", "DISTINCT", "STORED", "SHARE", "OWN"]
    assert "1.9 times smaller" in text.err or "2.0 times smaller" in text.err


def test_stats_draw_a_page(holdfast: Run, tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "file").write_bytes(noise(100_000))
    holdfast("repo", "create", "repo")
    for user in ("ann", "<i>bob"):
        holdfast("backup", "source", "--repo", "repo", "--user", user)
    text = holdfast("stats", "--repo", "repo", "--report", "page.html")
    assert "ann" in text.out
    assert "page.html" in text.err
    page = (tmp_path / "page.html").read_text()
    assert "200 kB in snapshots" in page
    assert "&lt;i&gt;bob" in page
    assert "<i>bob" not in page


def test_stats_that_cannot_write_the_page_still_tell_the_figures(holdfast: Run, tmp_path: Path) -> None:
    holdfast("repo", "create", "repo")
    (tmp_path / "file").touch()
    refused = holdfast("stats", "--repo", "repo", "--report", "file/page.html")
    assert refused.status == 3
    assert "all" in refused.out
    assert refused.err.count("\n") == 1


def test_a_report_without_a_name_is_refused_before_anything_is_measured(holdfast: Run) -> None:
    done = holdfast("stats", "--repo", "repo", "--report", "")
    assert (done.status, done.err) == (2, "holdfast: --report names no file; name one, as usage.html\n")


def test_a_pattern_without_a_name_is_refused_as_it_was_written(holdfast: Run, tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    holdfast("repo", "create", "repo")
    holdfast("backup", "source", "--repo", "repo")
    done = holdfast("find", "", "--repo", "repo")
    assert (done.status, done.err.startswith("holdfast: the pattern '' matches nothing;")) == (2, True)


def test_one_lost_manifest_hides_no_other_snapshot(holdfast: Run, tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "file").write_bytes(noise(1000))
    holdfast("repo", "create", "repo")
    first, lost = (
        holdfast("backup", "source", "--repo", "repo", "--output", "json").json["snapshot"] for _ in range(2)
    )
    (tmp_path / "repo" / "snapshots" / lost).unlink()
    text = f"damaged: {lost[:12]}: the manifest of snapshot {lost} is missing; run `holdfast verify`\n"
    listed = holdfast("snapshots", "--repo", "repo", "--output", "json")
    assert (listed.status, [one["snapshot"] for one in listed.json], listed.err) == (1, [first], text)
    found = holdfast("find", "file", "--repo", "repo", "--output", "json")
    assert (found.status, [one["snapshots"] for one in found.json], found.err) == (1, [[first]], text)
    used = holdfast("stats", "--repo", "repo", "--output", "json")
    assert (used.status, used.json["total"]["snapshots"], used.err) == (1, 1, text)
