"""Queues, functions and schedules: consumers, retries, dead letters."""
