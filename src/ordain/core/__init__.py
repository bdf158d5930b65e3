"""Decisions as pure functions: values in, values out; no clock, files, network or randomness."""
