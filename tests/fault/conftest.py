"""Fixtures of the fault tests."""

from tests.support.emulator import aws

__all__ = ["aws"]
