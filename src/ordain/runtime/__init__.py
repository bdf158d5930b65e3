"""Serving: no training code, no Git."""
