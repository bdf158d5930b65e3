"""Ordain's server beside others: `python -m benchmarks.serving`."""
