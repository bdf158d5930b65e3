"""Batch scoring: tables in, scores out, in constant memory."""
