"""The keys every platform's settings share."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from holdfast.settings.checks import ChecksSettings
from holdfast.settings.fields import Account, Email, EnvironmentName, Region, Section, conflict
from holdfast.settings.promises import Promises

Removal = Literal["retain", "snapshot", "destroy"]
PROTECTED_ENVIRONMENTS = frozenset({"prod", "production"})


class PlatformSettings(Section):
    """One platform, described. Frozen; what is not written has the value that is safe."""

    platform: str
    environment: EnvironmentName = Field(
        default="dev", description="Suffix of every name; HOLDFAST_ENVIRONMENT overrides it."
    )
    account: Account | None = Field(
        default=None, description="AWS account. Without it the templates work in any; with it every name is literal."
    )
    region: Region = Field(default="us-east-1", description="Where the platform runs.")
    replica_region: Region = Field(
        default="us-west-2", description="Where the copy lives that survives the loss of `region`."
    )
    promises: Promises = Field(default_factory=Promises, description="What the owner of the data is promised.")
    alerts: list[Email] = Field(default_factory=list, description="E-mail addresses every alarm and notice goes to.")
    removal: Removal | None = Field(
        default=None, description="What becomes of data when its stack goes: retain, snapshot or destroy."
    )
    tags: dict[str, str] = Field(default_factory=dict, description="Tags for every resource, over the platform's own.")
    checks: ChecksSettings = Field(
        default_factory=ChecksSettings, description="What `holdfast check` demands of templates."
    )

    @property
    def protected(self) -> bool:
        """Whether deletion protection is on: in prod and production, unless `removal: destroy` is written."""
        return self.environment in PROTECTED_ENVIRONMENTS and self.removal != "destroy"

    @model_validator(mode="after")
    def _regions_differ(self) -> Self:
        if self.region == self.replica_region:
            raise conflict(f"replica_region must differ from region, both are {self.region}: choose a second region")
        return self
