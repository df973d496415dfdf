"""Chooses the bundled Node before any test here loads the CDK."""

from holdfast.platforms.node import use_bundled_node

use_bundled_node()
