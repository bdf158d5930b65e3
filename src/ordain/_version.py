"""The version, apart from everything that is imported by training code, so that a new version
of Ordain does not by itself retrain anything."""

__version__ = "0.1.0"
