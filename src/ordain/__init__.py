"""Ordain: Git as the control plane of machine learning."""
