"""The one door to OCI registries."""

from ordain.adapters.registry.remote import HttpRegistry, open_registry

__all__ = ["HttpRegistry", "open_registry"]
