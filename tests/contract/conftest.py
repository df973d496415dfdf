"""Fixtures of the contract tests."""

from tests.contract.adapters import stores
from tests.support.emulator import aws, strict_aws

__all__ = ["aws", "stores", "strict_aws"]
