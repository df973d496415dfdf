"""The one adapter of `ports.EmbeddedAws`: MiniStack in a child process, with our own extension.

Nothing outside this folder imports MiniStack, and only `extension/` touches its private names; the pinned version and
those names are checked by `tests/contract/test_embedded_aws.py`, which fails first on an upgrade.
"""

from holdfast.rehearsal.embedded.adapter import embedded_aws

__all__ = ["embedded_aws"]
