"""Every name of the platform, fixed before anything exists, so that policies can say them."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.settings.payment_migration import PaymentMigration

SIDES = ("blue", "green")


@dataclass(frozen=True, kw_only=True)
class Names:
    """Names for one environment. Load balancer and target groups have 32 letters at most, hence `payments`."""

    settings: PaymentMigration

    @property
    def suffix(self) -> str:
        """The environment's name, in every name."""
        return self.settings.environment

    @property
    def stack(self) -> str:
        """The stack, and whatever there is one of: key alias, topic, backup vault, replication instance."""
        return f"payment-migration-{self.suffix}"

    def cluster(self, side: str) -> str:
        """One side's cluster; its instances add -1, -2, ..."""
        return f"payment-migration-{side}-{self.suffix}"

    def secret(self, side: str) -> str:
        """One side's master credentials."""
        return f"payment-migration-{side}-secret-{self.suffix}"

    @property
    def balancer(self) -> str:
        """The load balancer."""
        return f"payments-{self.suffix}"

    def targets(self, side: str) -> str:
        """One side's target group."""
        return f"payments-{side}-{self.suffix}"

    @property
    def sessions(self) -> str:
        """The session table."""
        return f"payment-sessions-{self.suffix}"

    @property
    def state(self) -> str:
        """The table with the cutover's state item."""
        return f"payment-cutover-{self.suffix}"

    @property
    def switch(self) -> str:
        """The switch function, and the schedule that invokes it."""
        return f"payment-switch-{self.suffix}"

    @property
    def adopt(self) -> str:
        """The function behind the custom resource."""
        return f"payment-adopt-{self.suffix}"

    @property
    def active_parameter(self) -> str:
        """Whose database takes the writes."""
        return f"/payment-migration/{self.suffix}/active-environment"

    @property
    def status_parameter(self) -> str:
        """Where the migration stands."""
        return f"/payment-migration/{self.suffix}/migration-status"

    @property
    def namespace(self) -> str:
        """Namespace of the switch function's own metrics."""
        return f"Holdfast/PaymentMigration/{self.suffix}"

    def alarm(self, name: str) -> str:
        """An alarm, as `Alarms` calls it."""
        return f"payment-migration-{name}-{self.suffix}"

    def watched(self) -> list[str]:
        """Return the alarms that roll a cutover back."""
        flows = [f"lag-{task}" for task in ("load", "forward", "backward")]
        return [self.alarm(name) for name in (*(f"{side}-errors" for side in SIDES), "response-time", *flows)]
