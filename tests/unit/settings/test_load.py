from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.errors import ExitStatus, InvalidRequest
from holdfast.settings.backup_vault import BackupVault
from holdfast.settings.load import MODELS, defaults, load, load_demands

DURATION = "a whole number above zero with s, m, h, d or w, as in 24h or 60d"
TWELVE = 'twelve digits in quotes, as in "123456789012"'


def write(folder: Path, text: str) -> Path:
    path = folder / "holdfast.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def refused(folder: Path, text: str) -> str:
    path = write(folder, text)
    with pytest.raises(InvalidRequest) as caught:
        load(path, environ={})
    assert caught.value.exit_status is ExitStatus.BAD_USAGE
    return str(caught.value).replace(str(path), "FILE")


def vault(folder: Path, line: str) -> str:
    return refused(folder, f"platform: backup-vault\nvault:\n  {line}\n")


def test_example_of_the_contract_loads(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """
platform: backup-vault
environment: dev
account: "123456789012"
region: us-east-1
replica_region: us-west-2
promises: {rpo: 24h, rto: 2h, retention: 60d, availability: 99.9%, users: 1000}
alerts: [ops@example.com, oncall@example.com]
removal: retain
tags: {CostCenter: DataProtection}
vault: {schedule: "cron(0 2 * * ? *)", max_concurrent_backups: 10, private_network: true, trusted_accounts: []}
checks:
  {required_tags: [Environment, CostCenter], environment_suffix: true, backup_days: 7, log_days: 30, zones: 3,
   customer_keys: true, alarm_recipients: 2, destroyable: false, region: us-east-1, suppress: []}
""",
    )
    settings = load(path, environ={})
    assert isinstance(settings, BackupVault)
    assert settings.alerts == ["ops@example.com", "oncall@example.com"]
    assert settings.checks.zones == 3
    assert settings.promises == defaults("backup-vault").promises


def test_settings_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        defaults("backup-vault").region = "eu-west-1"


@pytest.mark.parametrize(
    ("flag", "variable", "written", "chosen"),
    [
        ("flag", "variable", "file", "flag"),
        (None, "variable", "file", "variable"),
        (None, None, "file", "file"),
        (None, None, None, "context"),
    ],
)
def test_environment_is_the_flags_the_variables_the_files_or_the_contexts(
    tmp_path: Path, flag: str | None, variable: str | None, written: str | None, chosen: str
) -> None:
    path = write(tmp_path, "platform: backup-vault\n" + (f"environment: {written}\n" if written else ""))
    environ = {} if variable is None else {"HOLDFAST_ENVIRONMENT": variable}
    assert load(path, environ=environ, environment=flag, otherwise="context").environment == chosen


def test_nothing_said_means_dev(tmp_path: Path) -> None:
    assert load(write(tmp_path, "platform: backup-vault\n"), environ={}).environment == "dev"


def test_empty_variable_counts_and_is_named_in_the_error(tmp_path: Path) -> None:
    path = write(tmp_path, "platform: backup-vault\nenvironment: dev\n")
    with pytest.raises(InvalidRequest, match=r"^--environment or HOLDFAST_ENVIRONMENT: .* got ''$"):
        load(path, environ={"HOLDFAST_ENVIRONMENT": ""})


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("max_concurrent_backups: 1", "vault.max_concurrent_backups must be a whole number, 2 to 1000, got 1"),
        ("max_concurrent_backups: 10.5", "vault.max_concurrent_backups must be a whole number, 2 to 1000, got 10.5"),
        ("max_concurrent_backups: true", "vault.max_concurrent_backups must be a whole number, 2 to 1000, got True"),
        ("private_network: yes please", "vault.private_network must be true or false, got 'yes please'"),
        ("lock: {mode: strict}", "vault.lock.mode must be governance, compliance or off, got 'strict'"),
        ("lock: 60", "vault.lock must be a mapping of keys to values, got 60"),
        ("architecture: mips", "vault.architecture must be arm64 or x86_64, got 'mips'"),
        ("keep_deleted: 60", f"vault.keep_deleted must be {DURATION}, got 60"),
        ("source_prefix: users", "vault.source_prefix must be a prefix that ends with /, as in users/, got 'users'"),
        ("trusted_accounts: [123]", f'vault.trusted_accounts[0] must be {TWELVE}, got 123'),
        ("trusted_accounts: no", "vault.trusted_accounts must be a list, got False"),
    ],
)  # fmt: skip
def test_wrong_value_is_one_line_with_key_allowed_and_got(tmp_path: Path, line: str, message: str) -> None:
    assert vault(tmp_path, line) == f"FILE:3: {message}"


def test_every_finding_has_its_line(tmp_path: Path) -> None:
    text = "platform: backup-vault\nregion: Mars\nalerts:\n  - ops@example.com\n  - nobody\nvault:\n  batch_size: 11\n"
    assert [line.split(" must ")[0] for line in refused(tmp_path, text).splitlines()] == [
        "FILE:2: region",
        "FILE:5: alerts[1]",
        "FILE:7: vault.batch_size",
    ]


def test_unknown_key_is_refused_with_the_nearest_one(tmp_path: Path) -> None:
    assert vault(tmp_path, "schedul: daily") == "FILE:3: unknown key vault.schedul; did you mean vault.schedule?"


def test_unknown_key_near_to_nothing_is_refused_with_what_is_allowed(tmp_path: Path) -> None:
    line = refused(tmp_path, "platform: backup-vault\npromises: {zzz: 1}\n")
    assert line == "FILE:2: unknown key promises.zzz; allowed: availability, failover, retention, rpo, rto, users"


KEY = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("vault: {cross_account_access: true}", "is true but vault.trusted_accounts is empty"),
        (
            'vault: {cross_account_access: false, trusted_accounts: ["123456789012"]}',
            "vault.cross_account_access is false but vault.trusted_accounts is not empty",
        ),
        ("replica_region: us-east-1", "replica_region must differ from region, both are us-east-1"),
        ("vault: {infrequent_access_after: 7d}", "vault.infrequent_access_after must be 30d or more (S3's minimum)"),
        ("promises: {retention: 36h}", "promises.retention must be whole days"),
        (f"vault: {{source_key: '{KEY}'}}", "needs vault.source_bucket"),
        (
            f"vault: {{adopt: {{replica_key: '{KEY}'}}}}",
            "vault.adopt.replica_key is in us-east-1, not in us-west-2",
        ),
        (
            "removal: destroy\nvault: {lock: {mode: compliance}}",
            "removal is destroy but vault.lock.mode is compliance",
        ),
    ],
)  # fmt: skip
def test_keys_that_contradict_each_other_are_refused(tmp_path: Path, text: str, message: str) -> None:
    assert message in refused(tmp_path, f"platform: backup-vault\n{text}\n")


def test_unquoted_off_is_off(tmp_path: Path) -> None:
    """YAML reads it as false."""
    settings = load(write(tmp_path, "platform: backup-vault\nvault: {lock: {mode: off}}\n"), environ={})
    assert isinstance(settings, BackupVault)
    assert settings.vault.lock.mode == "off"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: [\n", "FILE:3: not YAML: "),
        ("a: 1\nb: 2\na: 3\n", "FILE:3: a is written twice, first on line 1: drop one"),
        ("- platform\n", "FILE: must be a mapping of keys to values, got list"),
        ("", "FILE: platform is missing: write one of backup-vault"),
        ("platform: backup-valt\n", "FILE:1: platform 'backup-valt' does not exist; did you mean backup-vault?"),
        ("platform: 7\n", "FILE:1: platform 7 does not exist; allowed: backup-vault"),
        ("platform: !!python/object:os.system x\n", "not YAML"),
    ],
)
def test_file_that_is_no_settings_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    found = refused(tmp_path, text)
    assert message in found
    assert "\n" not in found


def test_missing_file_names_the_verb_that_writes_one(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"cannot read .*none\.yaml: No such file.*holdfast init"):
        load(tmp_path / "none.yaml", environ={})


def test_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "holdfast.yaml"
    path.write_bytes(b"platform: \xff\n")
    with pytest.raises(InvalidRequest, match="not UTF-8 text at byte 10"):
        load(path, environ={})


def test_demands_need_no_platform(tmp_path: Path) -> None:
    found = load_demands(write(tmp_path, "checks: {backup_days: 7}\npromises: {rpo: 1h}\n"))
    assert found.checks.backup_days == 7
    assert found.promises.rpo.total_seconds() == 3600


def test_demands_of_a_whole_file_are_checked_as_a_whole(tmp_path: Path) -> None:
    path = write(tmp_path, "platform: backup-vault\nchecks: {backup_days: 7}\nvault: {batch_size: 11}\n")
    with pytest.raises(InvalidRequest, match="batch_size"):
        load_demands(path)


def test_demand_that_is_not_written_is_not_made(tmp_path: Path) -> None:
    assert load_demands(write(tmp_path, "checks: {}\n")).checks.backup_days is None


@pytest.mark.parametrize(
    ("environment", "removal", "protected"),
    [("dev", None, False), ("prod", None, True), ("production", "retain", True), ("prod", "destroy", False)],
)
def test_production_is_protected_unless_destroy_is_written(
    environment: str, removal: str | None, protected: bool
) -> None:
    for model in MODELS.values():
        settings = model.model_validate({"environment": environment, "removal": removal})
        assert settings.protected is protected
