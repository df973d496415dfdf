"""Logs: kept long enough, not for ever, complete."""
