"""Statements, envelopes and SSH signatures."""
