"""Artifacts: their files, signatures, profiles and references in registries."""
