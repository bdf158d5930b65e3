"""Drift statistics: what changed between a reference and a window of the log, and what it means."""
