"""What `holdfast check` demands of any template, ours or not."""

from __future__ import annotations

from datetime import date

from pydantic import Field

from holdfast.settings.fields import Region, Section


class Suppression(Section):
    """One finding that is accepted, and why."""

    rule: str = Field(description="The rule's id.")
    resource: str | None = Field(default=None, description="Logical id; without it, every resource.")
    reason: str = Field(min_length=1, description="Why it is accepted; shown in every report.")
    until: date | None = Field(default=None, description="The last day on which it counts, as in 2027-01-31.")


class ChecksSettings(Section):
    """The demands; a demand that is not written is not made."""

    required_tags: list[str] | None = Field(default=None, description="Tag keys that every taggable resource carries.")
    environment_suffix: bool | None = Field(default=None, description="Every name carries the environment.")
    backup_days: int | None = Field(
        default=None, ge=1, le=36500, description="Backups are kept at least this many days."
    )
    log_days: int | None = Field(default=None, ge=1, le=3653, description="Logs are kept at least this many days.")
    zones: int | None = Field(default=None, ge=1, le=6, description="Availability zones that stateful resources span.")
    customer_keys: bool | None = Field(
        default=None, description="Data at rest is encrypted with customer-managed keys."
    )
    alarm_recipients: int | None = Field(default=None, ge=0, le=1000, description="People whom every alarm reaches.")
    destroyable: bool | None = Field(default=None, description="Nothing outlives its stack.")
    region: Region | None = Field(default=None, description="The only region that names and endpoints may hold.")
    database_logs: list[str] | None = Field(
        default=None, description="Logs that every database cluster exports, of those its engine knows."
    )
    outputs: list[str] | None = Field(default=None, description="Outputs that the templates have, together.")
    rules: list[str] = Field(
        default_factory=list, description="Folders of rules of your own, relative to this file; their code is run."
    )
    suppress: list[Suppression] = Field(default_factory=list, description="Findings that are accepted, with reasons.")
