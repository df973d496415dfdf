"""The extension's own way to MiniStack: boto3 over its socket, as the root of the account the request belongs to."""

from __future__ import annotations

import functools
import os
from typing import Any

import boto3
from botocore.config import Config
from ministack.core.responses import get_region


def client(service: str) -> Any:
    """Return a client for the region of the request being handled."""
    return _client(service, get_region())


@functools.cache
def _client(service: str, region: str) -> Any:
    session: Any = boto3.session.Session()  # its stubs know service names as literals only
    return session.client(
        service,
        region_name=region,
        endpoint_url=os.environ["HOLDFAST_ENDPOINT"],
        aws_access_key_id=os.environ["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=os.environ["AWS_SECRET_ACCESS_KEY"],
        verify=os.environ["HOLDFAST_CA"] or None,
        config=Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=60),
    )
