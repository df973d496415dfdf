"""Sizes of keys and of what goes with them, bytes."""

from __future__ import annotations

KEY_BYTES = 32
SALT_BYTES = 16
NONCE_BYTES = 12
