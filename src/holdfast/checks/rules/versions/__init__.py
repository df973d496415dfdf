"""Engines and runtimes that can be created and are supported."""
