"""What both stacks of a backup system share."""

from __future__ import annotations

from aws_cdk import DefaultStackSynthesizer, Duration, Environment, Fn, Stack, Tags
from aws_cdk import aws_s3 as s3
from constructs import Construct

from holdfast.platforms.backup_system.figures import UNFINISHED_UPLOAD_DAYS
from holdfast.platforms.backup_system.form import Form
from holdfast.platforms.constructs.removal import data_removal

DESTROYED = "removal: destroy asks that every backup goes with the stack, so that nothing may keep it"


class BackupStack(Stack):
    """One region of a backup system: names, tags and removal as the settings say."""

    def __init__(self, scope: Construct, form: Form, *, name: str, region: str, purpose: str) -> None:
        settings = form.settings
        super().__init__(
            scope,
            name,
            stack_name=name,
            description=f"{form.title}: {purpose}",
            env=Environment(account=settings.account, region=region),
            termination_protection=settings.protected,
            # The bootstrap's version is still checked by the deployer, from the assembly's manifest.
            synthesizer=DefaultStackSynthesizer(generate_bootstrap_version_rule=False),
        )
        self.form = form
        self.settings = settings
        self.names = form.names(self.account, self.partition)
        self.removal = data_removal(settings.destroyable)
        for key, value in form.tags.items():
            Tags.of(self).add(key, value)

    def accept_destruction(self, *rules: str) -> None:
        """Accept, in the template and with the reason, what rules find wrong with backups that go with their stack."""
        if self.form.emptied:
            accepted = [{"rule": rule, "reason": DESTROYED} for rule in rules]
            self.template_options.metadata = {"holdfast": {"suppress": accepted}}

    @property
    def availability_zones(self) -> list[str]:
        """Ask CloudFormation for the zones: the CDK would otherwise ask the account at synthesis."""
        return [Fn.select(index, Fn.get_azs()) for index in (0, 1)]

    def expiring_lifecycle(self, id_: str, days: int, *, noncurrent_days: int) -> list[s3.LifecycleRule]:
        """Return rules for logs and staging, which age does end."""
        return [
            s3.LifecycleRule(
                id=id_,
                expiration=Duration.days(days),
                noncurrent_version_expiration=Duration.days(noncurrent_days),
                abort_incomplete_multipart_upload_after=Duration.days(UNFINISHED_UPLOAD_DAYS),
            )
        ]
