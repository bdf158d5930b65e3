"""Kubernetes quantities of a container: arithmetic on their text."""

from __future__ import annotations

from ordain.core.specs.deployment import Quantities

_KIBIBYTES = {"Ki": 1, "Mi": 1024, "Gi": 1024 * 1024}


def kibibytes(quantity: str) -> int:
    """Such as 65536 of `64Mi`."""
    return int(quantity[:-2]) * _KIBIBYTES[quantity[-2:]]


def quantity(amount: int) -> str:
    """Such as `64Mi` of 65536 KiB."""
    return f"{amount // 1024}Mi" if amount % 1024 == 0 else f"{amount}Ki"


def of_container(quantities: Quantities, extra: int) -> dict[str, str]:
    """As manifests write them, with some KiB of storage more than declared."""
    return {
        "cpu": quantities.cpu,
        "memory": quantities.memory,
        "ephemeral-storage": quantity(kibibytes(quantities.ephemeral_storage) + extra),
    }
