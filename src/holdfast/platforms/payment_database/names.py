"""Every name of the platform, fixed before anything exists, so that policies and the other region can say them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Names:
    """Names for one environment."""

    suffix: str

    def of(self, what: str) -> str:
        """Return the name of a part, as in `payment-db-vpc-dev`."""
        return f"payment-db-{what}-{self.suffix}"

    @property
    def flow_log(self) -> str:
        """The log group of flow logs."""
        return f"/payment-db/{self.suffix}/flow-logs"
