"""Every platform passes every check, with no finding but those whose acceptance is written beside the resource."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from holdfast.checks.demands import from_platform
from holdfast.checks.engine import check_files
from holdfast.checks.registry import built_in
from holdfast.platforms import synthesize
from holdfast.platforms.registry import PLATFORMS
from tests.platforms.conftest import empty_zip
from tests.platforms.reading import settings_with

pytestmark = pytest.mark.synth


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_no_platform_has_a_finding(environment: str, tmp_path: Path) -> None:
    alerts = ["ops@example.com", "oncall@example.com"]
    chosen = [settings_with(platform=name, environment=environment, alerts=alerts) for name in PLATFORMS]
    written = synthesize(*chosen, out=tmp_path / "out", bundle=empty_zip(tmp_path / "empty.zip"))
    for settings in chosen:
        files = [one.template_path for one in written if one.platform == settings.platform]
        report = check_files(files, built_in(), from_platform(settings), date(2026, 11, 21))
        found = [f"{f.rule} {f.logical_id} {f.property}: {f.message}" for f in report.findings]
        assert found == [], settings.platform
        assert report.resources > 20
        assert {accepted.kind for accepted in report.suppressed} <= {"inSource"}
        assert all(len(accepted.reason) > 20 for accepted in report.suppressed)
