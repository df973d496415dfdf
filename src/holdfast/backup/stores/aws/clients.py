"""SDK clients, made when first asked for, one for each service and region."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import botocore.session
from botocore.config import Config
from botocore.utils import determine_content_length

from holdfast.backup.stores.aws.errors import aws_errors
from holdfast.backup.stores.aws.service_models import ServiceModels, no_garbage_collection
from holdfast.errors import InvalidRequest

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient

# Standard mode retries throttling, connection and server errors with jitter and keeps a quota of retries:
# https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
# Every put carries a checksum that S3 compares, whatever the environment says:
# https://docs.aws.amazon.com/sdkref/latest/guide/feature-dataintegrity.html
CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 6},
    connect_timeout=5,
    read_timeout=60,
    tcp_keepalive=True,
    request_checksum_calculation="when_supported",
    response_checksum_validation="when_supported",
    max_pool_connections=32,
    user_agent_extra="holdfast",
)
UNASKED_BYTES = 2 * 1024 * 1024
"""As other SDKs of AWS have it: https://pkg.go.dev/github.com/aws/aws-sdk-go-v2/service/s3#Options"""


class Clients:
    """Clients with one configuration; credentials, profile and region come from where every AWS tool takes them."""

    def __init__(self, *, profile: str | None = None, config: Config = CONFIG) -> None:
        self._session: Any = _session(profile)
        self._config = config
        self._clients: dict[tuple[str, str | None], Any] = {}
        self._lock = threading.Lock()

    def __call__(self, service: str, region: str | None = None) -> Any:
        """Return the client of a service in `region`, or in the process's own region."""
        with self._lock:  # making a client is not safe in threads; using one is
            if (service, region) not in self._clients:
                self._clients[service, region] = self._make(service, region)
            return self._clients[service, region]

    def another(self, service: str, region: str | None = None) -> Any:
        """Return a client that shares no connection with any other, for a forked process."""
        return self._make(service, region)

    def _make(self, service: str, region: str | None) -> Any:
        with aws_errors(f"AWS {service}"), no_garbage_collection():
            client = self._session.create_client(service, region_name=region, config=self._config)
        if service == "s3":
            client.meta.events.register_last("before-call.s3", _without_asking_first)
        return client

    def close(self) -> None:
        """Close every connection."""
        for client in self._clients.values():
            client.close()
        self._clients.clear()

    def s3(self, region: str | None = None) -> S3Client:
        """Return the client of S3."""
        client: S3Client = self("s3", region)
        return client

    def dynamodb(self, region: str | None = None) -> DynamoDBClient:
        """Return the client of DynamoDB."""
        client: DynamoDBClient = self("dynamodb", region)
        return client

    def kms(self, region: str | None = None) -> KMSClient:
        """Return the client of KMS."""
        client: KMSClient = self("kms", region)
        return client

    def sqs(self, region: str | None = None) -> SQSClient:
        """Return the client of SQS."""
        client: SQSClient = self("sqs", region)
        return client

    def sns(self, region: str | None = None) -> SNSClient:
        """Return the client of SNS."""
        client: SNSClient = self("sns", region)
        return client

    def cloudformation(self, region: str | None = None) -> CloudFormationClient:
        """Return the client of CloudFormation."""
        client: CloudFormationClient = self("cloudformation", region)
        return client


def _session(profile: str | None) -> Any:
    """Return a session of the SDK that reads its descriptions of services as `ServiceModels` does."""
    session: Any = botocore.session.Session(profile=profile)
    session.register_component("data_loader", ServiceModels(session.get_component("data_loader").search_paths))
    return session


def _without_asking_first(params: dict[str, Any], **_: Any) -> None:
    """Send a small body at once: asking S3 first whether it would take it costs an answer more."""
    if "Expect" in params["headers"] and (determine_content_length(params["body"]) or 0) <= UNASKED_BYTES:
        del params["headers"]["Expect"]


def region_of(arn: str) -> str:
    """Return the region an ARN names.

    Raises:
        InvalidRequest: not an ARN with a region.
    """
    parts = arn.split(":")
    if len(parts) < 6 or parts[0] != "arn" or not parts[3]:
        raise InvalidRequest(f"expected an ARN such as arn:aws:kms:us-east-1:123456789012:key/..., got {arn!r}")
    return parts[3]
