"""The account that stacks go to: AWS with the operator's credentials, or an embedded AWS.

`EmbeddedAws` of the rehearsal is a `Cloud` too.
"""

from __future__ import annotations

import functools
from typing import Any, Protocol

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from holdfast.errors import StoreDenied, StoreUnavailable


class Cloud(Protocol):
    """One account, any region."""

    @property
    def account(self) -> str:
        """Return the account's number."""

    def client(self, service: str, region: str) -> Any:
        """Return a boto3 client; one for each service and region."""


class Aws:
    """The account of the credentials that every AWS tool would take."""

    def __init__(self) -> None:
        self._session: Any = boto3.session.Session()  # its stubs know service names as literals only

    @functools.cached_property
    def account(self) -> str:
        """Return the account's number.

        Raises:
            StoreDenied: there are no credentials, or they are refused. StoreUnavailable: AWS does not answer.
        """
        try:
            return str(self.client("sts", self._session.region_name or "us-east-1").get_caller_identity()["Account"])
        except ClientError as error:
            raise StoreDenied(
                f"AWS refuses these credentials: {error.response['Error'].get('Message', error)}"
            ) from error
        except BotoCoreError as error:
            raise StoreUnavailable(f"cannot reach AWS: {error}; set credentials, or use --embedded") from error

    @functools.cache  # noqa: B019 - one account a process
    def client(self, service: str, region: str) -> Any:
        """Return a boto3 client; one for each service and region."""
        return self._session.client(
            service, region_name=region, config=Config(retries={"mode": "standard", "total_max_attempts": 8})
        )
