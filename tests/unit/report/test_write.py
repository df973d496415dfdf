from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from holdfast.cli.report import command
from holdfast.errors import StoreUnavailable
from holdfast.report.model import HTML_NAME, JSON_NAME, from_json
from holdfast.report.write import clear, rebuild, write
from tests.support.reports import any_promise, any_report


def test_report_is_rebuilt_from_its_json_byte_for_byte(tmp_path: Path) -> None:
    page = write(any_report(), tmp_path / "out")
    before = page.read_bytes()
    page.unlink()
    _, again = rebuild(tmp_path / "out")
    assert again.read_bytes() == before
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [JSON_NAME, HTML_NAME]


def test_clear_leaves_no_earlier_verdict(tmp_path: Path) -> None:
    write(any_report(), tmp_path)
    clear(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreUnavailable, match="choose another place"):
        write(any_report(), tmp_path / "file" / "below")


def test_report_verb_prints_the_verdict_and_exits_by_it(tmp_path: Path) -> None:
    write(any_report(), tmp_path)
    held = CliRunner().invoke(command, [str(tmp_path)], standalone_mode=False)
    assert (held.return_value, held.stdout.strip()) == (0, f"4 of 5 promises held, 1 unproven: {tmp_path / HTML_NAME}")
    write(any_report(promises=[any_promise(met=False)]), tmp_path)
    broken = CliRunner().invoke(command, [str(tmp_path), "--output", "json"], standalone_mode=False)
    assert broken.return_value == 1
    assert from_json(broken.stdout_bytes).promises[0].met is False
