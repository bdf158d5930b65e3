"""Measurements of Ordain beside others."""
