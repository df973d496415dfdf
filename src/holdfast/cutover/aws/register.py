"""Two parameters of Systems Manager: the active environment, and the migration status beside it."""

from __future__ import annotations

from typing import Any

from holdfast.backup.stores.aws.errors import aws_errors
from holdfast.cutover.state import Environment
from holdfast.errors import IntegrityError, NotFound


class SsmRegister:
    """Plain parameters that CloudFormation does not own."""

    def __init__(self, client: Any, active: str, status: str) -> None:
        self._client, self._active, self._status = client, active, status

    def active(self) -> Environment:
        """Return whose database takes the writes."""
        value = self._read(self._active)
        try:
            return Environment(value)
        except ValueError as error:
            raise IntegrityError(
                f"parameter {self._active} must be blue or green, got {value!r}; set it to the side that takes writes"
            ) from error

    def set_active(self, environment: Environment) -> None:
        """Register it."""
        self._write(self._active, str(environment))

    def status(self) -> str:
        """Return the published status; empty where there is none."""
        try:
            return self._read(self._status)
        except NotFound:
            return ""

    def set_status(self, text: str) -> None:
        """Publish it."""
        self._write(self._status, text)

    def _read(self, name: str) -> str:
        with aws_errors(f"reading parameter {name}"):
            return str(self._client.get_parameter(Name=name)["Parameter"]["Value"])

    def _write(self, name: str, value: str) -> None:
        with aws_errors(f"writing parameter {name}"):
            self._client.put_parameter(Name=name, Value=value, Type="String", Overwrite=True)
