"""Copies elsewhere: filled, allowed, decryptable."""
