"""Databases: protection, failover, logs that are really written."""
