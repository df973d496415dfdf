"""Alarms and dashboards: metrics that exist, somebody who hears."""
