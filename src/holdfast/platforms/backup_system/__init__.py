"""What every backup platform is made of: two stacks in two regions around the engine's functions.

A platform gives them a `Form`. `docs/design/vault-protocol.md` says what the functions do.
"""
