"""Every name of the platform, fixed before anything exists, so that an earlier stack can say a later one's."""

from __future__ import annotations

import re
from dataclasses import dataclass

from holdfast.settings.web_application import IMAGE_PATTERN, WebApplication

ACCESS_LOG_PREFIX = "alb"


@dataclass(frozen=True, kw_only=True)
class Names:
    """Names and ARNs for one environment; `account` and `partition` may be CloudFormation tokens."""

    settings: WebApplication
    account: str
    partition: str

    @property
    def suffix(self) -> str:
        """The environment's name, at the end of every name."""
        return self.settings.environment

    def of(self, kind: str) -> str:
        """Return `{kind}-{suffix}`."""
        return f"{kind}-{self.suffix}"

    def bucket(self, kind: str) -> str:
        """Return a bucket's name: all accounts share their names, so account and region follow the environment."""
        return f"{kind}-{self.suffix}-{self.account}-{self.settings.region}"

    def arn(self, service: str, resource: str) -> str:
        """Return an ARN in the platform's account and region."""
        return f"arn:{self.partition}:{service}:{self.settings.region}:{self.account}:{resource}"

    def bucket_arn(self, kind: str) -> str:
        """Return the ARN of that bucket."""
        return f"arn:{self.partition}:s3:::{self.bucket(kind)}"

    @property
    def storage_bucket(self) -> str:
        """The application's objects."""
        return self.bucket("storage-bucket")

    @property
    def log_bucket(self) -> str:
        """The load balancer's access logs."""
        return self.bucket("log-bucket")

    @property
    def table(self) -> str:
        """The sessions."""
        return self.of("session-table")

    @property
    def cluster(self) -> str:
        """The database; its instances add -1, -2, ..."""
        return self.of("aurora-cluster")

    @property
    def database_log(self) -> str:
        """Log group of the exported PostgreSQL log."""
        return f"/aws/rds/cluster/{self.cluster}/postgresql"

    @property
    def rotation(self) -> str:
        """The function that rotates the master password."""
        return f"{self.cluster}-rotation"

    @property
    def secret(self) -> str:
        """The master credentials."""
        return self.of("aurora-secret")

    @property
    def secret_arns(self) -> str:
        """ARN of the secret, before the six letters that Secrets Manager adds are known."""
        return self.arn("secretsmanager", f"secret:{self.secret}-??????")

    @property
    def service(self) -> str:
        """The ECS service."""
        return self.of("ecs-service")

    @property
    def ecs_cluster(self) -> str:
        """The ECS cluster."""
        return self.of("ecs-cluster")

    @property
    def container_log(self) -> str:
        """Log group of the containers."""
        return f"/ecs/{self.service}"

    @property
    def insights_log(self) -> str:
        """Log group that Container Insights writes into; it would make one without an end if there were none.

        Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/ContainerInsights.html
        """
        return f"/aws/ecs/containerinsights/{self.ecs_cluster}/performance"

    @property
    def vault(self) -> str:
        """The AWS Backup vault."""
        return self.of("backup-vault")

    @property
    def vault_emptier(self) -> str:
        """The function that empties the vault."""
        return self.of("backup-vault-emptier")

    def bucket_emptier(self, kind: str) -> str:
        """Return the function that empties the bucket of this kind."""
        return self.of(f"{kind}-emptier")

    @property
    def repository_arn(self) -> str:
        """ARN of the image's repository; every repository of the account while the image is not known."""
        image = re.fullmatch(IMAGE_PATTERN, self.settings.application.image or "")
        if image is None:
            return self.arn("ecr", "repository/*")
        return f"arn:{self.partition}:ecr:{image[2]}:{image[1]}:repository/{image[3]}"
