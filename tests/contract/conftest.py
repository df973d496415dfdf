"""Fixtures of the contract tests."""

from tests.support.emulator import aws, strict_aws

__all__ = ["aws", "strict_aws"]
