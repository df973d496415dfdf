"""The promises of a settings file: what is promised, not whether it is kept."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from holdfast.settings.fields import Duration, Percent, Section, between


class Promises(Section):
    """What the owner of the data is promised. `holdfast promises` says what of it is proved, and how."""

    rpo: Duration = Field(default=timedelta(hours=24), description="Data we may lose at most, in time.")
    rto: Duration = Field(default=timedelta(hours=2), description="Time until the data is back.")
    failover: Duration | None = Field(
        default=None, description="Time until a standby serves after its primary fails, detection included."
    )
    retention: Duration = Field(
        default=timedelta(days=60), description="Every snapshot younger than this can be restored. Whole days."
    )
    availability: Percent = Field(default=0.999, description="Share of time in which a restore can begin.")
    users: int = between(1, 1_000_000, 1000, description="Users whose data is backed up.")
