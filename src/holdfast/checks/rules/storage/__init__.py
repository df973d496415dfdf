"""Buckets: classes, lifecycle, transport."""
