"""The ledger, and what can be read from it."""
