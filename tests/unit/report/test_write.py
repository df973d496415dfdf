from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from holdfast.cli.report import command
from holdfast.errors import StoreUnavailable
from holdfast.report.model import HTML_NAME, JSON_NAME, from_json
from holdfast.report.write import clear, rebuild, replace_file, write
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


def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    replace_file(pipe, b"a page")
    assert (os.read(reader, 100), pipe.is_fifo()) == (b"a page", True)
    os.close(reader)


def test_what_a_link_leads_to_is_replaced_and_the_link_stays(tmp_path: Path) -> None:
    (tmp_path / "page").write_bytes(b"before")
    (tmp_path / "link").symlink_to("page")
    replace_file(tmp_path / "link", b"after")
    assert ((tmp_path / "page").read_bytes(), (tmp_path / "link").is_symlink()) == (b"after", True)
    assert len(list(tmp_path.iterdir())) == 2
