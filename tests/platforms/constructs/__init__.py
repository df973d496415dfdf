"""Tests of single constructs; the bundled Node is chosen before any of them loads the CDK."""

from holdfast.platforms.node import use_bundled_node

use_bundled_node()
