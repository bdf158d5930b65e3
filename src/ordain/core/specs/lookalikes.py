"""Names of columns that a reviewer can't tell apart, since letters of different scripts look the same."""

from __future__ import annotations

# Not all that Unicode knows (UTS 39), but those among the letters that columns may have.
_ALIKE = str.maketrans(
    "аеорсухіјѕһԁԛԝАВЕКМНОРСТУХІЈЅ" + "ονρυικαΑΒΕΖΗΙΚΜΝΟΡΤΥΧ" + "ı" + "口力工二夕八一卜",
    "aeopcyxijshdqwABEKMHOPCTYXIJS" + "ovpuikaABEZHIKMNOPTYX" + "i" + "ロカエニタハート",
)


def look(name: str) -> str:
    """The same text for all names that look alike."""
    return name.translate(_ALIKE)
