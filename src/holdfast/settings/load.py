"""Loads a settings file: flag before environment before file before default."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, Field, ValidationError

from holdfast.errors import InvalidRequest
from holdfast.settings.backup_archive import BackupArchive
from holdfast.settings.backup_vault import BackupVault
from holdfast.settings.checks import ChecksSettings
from holdfast.settings.document import Document, parse
from holdfast.settings.environment import DEFAULT_FILE as DEFAULT_FILE
from holdfast.settings.environment import ENVIRONMENT_NAME, environment_name
from holdfast.settings.fields import Section
from holdfast.settings.messages import lines
from holdfast.settings.payment_database import PaymentDatabase
from holdfast.settings.payment_migration import PaymentMigration
from holdfast.settings.platform import PlatformSettings
from holdfast.settings.promises import Promises
from holdfast.settings.serverless_database import ServerlessDatabase
from holdfast.settings.transaction_database import TransactionDatabase
from holdfast.settings.web_application import WebApplication

_Model = TypeVar("_Model", bound=BaseModel)

MODELS: dict[str, type[PlatformSettings]] = {
    "backup-vault": BackupVault,
    "backup-archive": BackupArchive,
    "serverless-database": ServerlessDatabase,
    "transaction-database": TransactionDatabase,
    "payment-database": PaymentDatabase,
    "web-application": WebApplication,
    "payment-migration": PaymentMigration,
}


class Demands(Section):
    """What `holdfast check --settings` needs of a file: the checks and the promises, whatever else it holds."""

    checks: ChecksSettings = Field(default_factory=ChecksSettings)
    promises: Promises = Field(default_factory=Promises)


def defaults(platform: str, *, environment: str | None = None) -> PlatformSettings:
    """Return a platform's settings with nothing written but, perhaps, the environment.

    Raises:
        InvalidRequest: no such platform, or a bad name for an environment.
    """
    written = {} if environment is None else {"environment": environment}
    return _build(model_of(platform), Document("defaults", {"platform": platform, **written}))


def load(
    path: Path, *, environ: Mapping[str, str], environment: str | None = None, otherwise: str | None = None
) -> PlatformSettings:
    """Return the settings in `path`; the environment's name is the flag's, the variable's, the file's, `otherwise`.

    Raises:
        InvalidRequest: unreadable or wrong; one line for each finding, with file, line, key, value and what is allowed.
    """
    document = read(path)
    model = model_of(document.data.get("platform"), document.place(["platform"]))
    chosen = environment_name(environment, environ)
    if chosen is not None:
        document = document.override("environment", chosen, origin=f"--environment or {ENVIRONMENT_NAME}")
    elif otherwise is not None and "environment" not in document.data:
        document = document.override("environment", otherwise, origin="context environmentSuffix")
    return _build(model, document)


def load_demands(path: Path) -> Demands:
    """Return the checks and promises of a file, which may hold nothing else.

    Raises:
        InvalidRequest: unreadable or wrong.
    """
    document = read(path)
    if "platform" in document.data:
        whole = _build(model_of(document.data["platform"], document.place(["platform"])), document)
        return Demands(checks=whole.checks, promises=whole.promises)
    return _build(Demands, document)


def read(path: Path) -> Document:
    """Return the parsed file.

    Raises:
        InvalidRequest: it cannot be read or is not a YAML mapping.
    """
    try:
        return parse(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise InvalidRequest(f"cannot read {path}: {error.strerror}; `holdfast init PLATFORM` writes one") from error
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"{path}: not UTF-8 text at byte {error.start}") from error


def model_of(platform: object, where: str = "") -> type[PlatformSettings]:
    """Return the settings model of a platform.

    Raises:
        InvalidRequest: missing or unknown, with the nearest name.
    """
    prefix = f"{where}: " if where else ""
    allowed = ", ".join(MODELS)
    if platform is None:
        raise InvalidRequest(f"{prefix}platform is missing: write one of {allowed}")
    if not isinstance(platform, str) or platform not in MODELS:
        near = difflib.get_close_matches(str(platform), MODELS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"allowed: {allowed}"
        raise InvalidRequest(f"{prefix}platform {platform!r} does not exist; {hint}")
    return MODELS[platform]


def _build(model: type[_Model], document: Document) -> _Model:
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        found = [f"{document.place(path)}: {line}" for path, line in lines(error, model)]
        raise InvalidRequest("\n".join(found)) from error
