from __future__ import annotations

import re
from pathlib import Path

import pytest

from holdfast.checks.facts import long_term, retired, support_end
from holdfast.settings.engine_versions import (
    AS_OF,
    DEFAULT_MYSQL,
    DEFAULT_POSTGRESQL,
    VERSIONS,
    EngineVersion,
    offered,
    version_of,
)

PAGE = Path(__file__).parents[3] / "docs" / "engine-versions.md"


@pytest.mark.parametrize("one", VERSIONS, ids=lambda one: one.version)
def test_version_on_offer_is_neither_retired_nor_out_of_support_for_the_checks(one: EngineVersion) -> None:
    assert not retired(one.engine, one.version)
    assert one.ends > AS_OF
    assert support_end(one.engine, one.version) in (None, one.ends)
    assert long_term(one.engine, one.version) is one.long_term


def test_defaults_have_long_term_support() -> None:
    assert version_of("aurora-mysql", DEFAULT_MYSQL).long_term
    assert version_of("aurora-postgresql", DEFAULT_POSTGRESQL).long_term


@pytest.mark.parametrize("version", ["15.7", "15.4", "8.0.mysql_aurora.3.10.4", "15", ""])
def test_version_not_on_offer_is_refused_with_those_that_are(version: str) -> None:
    with pytest.raises(ValueError, match=r"a version of aurora-postgresql on offer: 15\.10, 15\.13"):
        version_of("aurora-postgresql", version)


def test_family_is_engine_and_major_version() -> None:
    assert version_of("aurora-mysql", DEFAULT_MYSQL).family == "aurora-mysql8.0"
    assert version_of("aurora-postgresql", DEFAULT_POSTGRESQL).family == "aurora-postgresql15"
    assert {one.engine for one in offered("aurora-mysql")} == {"aurora-mysql"}


def test_page_lists_exactly_the_versions_of_the_code() -> None:
    rows = re.findall(r"^\| (aurora-\w+) \| (\S+) \| (\S+) \| (yes|no) \|$", PAGE.read_text(), re.MULTILINE)
    wanted = [(one.engine, one.version, str(one.ends), "yes" if one.long_term else "no") for one in VERSIONS]
    assert rows == wanted
    assert f"Read on {AS_OF}" in PAGE.read_text()
