"""Holdfast declares resilient data platforms on AWS, checks their promises, rehearses them, and runs them."""

__version__ = "0.1.0"
