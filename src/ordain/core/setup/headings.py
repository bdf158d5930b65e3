"""What a column's heading says of it, however it is written: `customer_id`, `CustomerID`, `Kunden-Nr.`.

Headings are read as words: without accents, split where the case changes and at everything that is neither
letter nor digit. The words are those of English and, where one word is enough, of a few other languages.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Sequence

from ordain.core.specs.lookalikes import look
from ordain.core.specs.parts import COLUMN_PATTERN, COLUMN_SIGNS, LETTERS

# Letters that no decomposition turns into plain ones.
_LATIN = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "þ": "th", "ð": "d", "ı": "i"}
    | {"Æ": "Ae", "Œ": "Oe", "Ø": "O", "Ł": "L", "Đ": "D", "Þ": "Th", "ẞ": "SS"}
)
_CASE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_KEY = re.compile(
    r"(^|_)(id|key|pk|[ug]uid|identifier|identifiant|identificador|kennung|schlussel)$|^id_"
    r"|(^|_)(account|client|customer|employee|item|kunden|loan|member|order|patient|person|product|record"
    r"|row|sample|session|student|transaction|user)id$"
)
_NUMBER = re.compile(
    r"(^|_)(no|nr|num|number|numero)$|(nummer|kundennr)$|^(index|idx|unnamed_\d+)$"
)  # `heat_index` is a measurement
# French `genre` is missing: in English it is a kind of music.
_SENSITIVE = re.compile(
    r"(^|_)(sex|gender|female|male|race|ethnic\w*|religi\w+|senior\w*|disab\w*|nationality|citizenship"
    r"|geschlecht|sexo|sexe|sesso|genero|genere|raza|razza|ethnie|etni\w+|konfession|behinder\w*|handicap\w*"
    r"|discapac\w*|disabil\w*|nationalit\w+|nacionalidad|nazionalita|staatsangehorig\w+)($|_)"
)
_POSTAL = (
    r"zip|zip_?code|post_?code|postal_?code|plz|postleitzahl|codigo_postal|code_postal|codice_postale|cep"
)
_CODE = re.compile(rf"(^|_)({_POSTAL})$")
_PERSONAL = re.compile(
    rf"(^|_)({_POSTAL}|e_?mail|(e_?mail|ip|home|street|postal)_address|address|adresse|direccion|indirizzo"
    r"|street|strasse|phone|telephone|telefon|telefono|phone_number|telefonnummer|iban|ssn|passport"
    r"|social_security_number|birth_?date|birth_?day|date_of_birth|dob|geburtsdatum|geburtstag"
    r"|date_(de_)?naissance|fecha_(de_)?nacimiento|data_di_nascita|(first|last|full|sur)_?name|vorname"
    r"|nachname|prenom|apellidos?|cognome|customer_?name|client_?name|patient_?name)$"
)
LONGEST = 55  # leaves room for a number


def latin(text: str) -> str:
    """The text without accents, in plain Latin letters where it has such."""
    apart = unicodedata.normalize("NFKD", text.translate(_LATIN))
    return "".join(each for each in apart if not unicodedata.combining(each))


def words(heading: str) -> str:
    """The words of a heading, in lower case and joined by `_`: `Customer-ID` is `customer_id`."""
    apart = _CASE.sub("_", latin(heading))
    return re.sub(r"[\W_]+", "_", apart).strip("_").lower()


def is_key(heading: str) -> bool:
    """Whether the heading says that each row has a value of its own: `id`, `customerKey`, `UUID`."""
    return _KEY.search(words(heading)) is not None


def is_numbering(heading: str) -> bool:
    """Whether the heading says that rows are numbered: `account no.`, `Kundennummer`, `Index`."""
    return _NUMBER.search(words(heading)) is not None


def is_sensitive(heading: str) -> bool:
    """Whether the heading names what people must not be treated differently for."""
    return _SENSITIVE.search(words(heading)) is not None


def is_personal(heading: str) -> bool:
    """Whether the heading names what leads to one person: a birth date, an address, a phone number."""
    return _PERSONAL.search(words(heading)) is not None


def is_code(heading: str) -> bool:
    """Whether the heading names a code that only looks like a number, such as a postal code."""
    return _CODE.search(words(heading)) is not None


def fitted(headings: Sequence[str]) -> list[str]:
    """A name for each column that a contract can hold and looks like no other: its heading, if that will do.

    Args:
        headings: as they are in the file, perhaps empty or repeated.
    """
    good = [each for each in headings if re.search(COLUMN_PATTERN, each)]
    looks = {look(each) for each in good}
    names: list[str] = []
    for place, heading in enumerate(headings, 1):
        first = heading in good and look(heading) not in map(look, names)
        names.append(heading if first else _free(_fitting(heading, place), {*looks, *map(look, names)}))
    return names


def _free(name: str, taken: Collection[str]) -> str:
    number, found = 1, name
    while look(found) in taken:
        number += 1
        found = f"{name[:LONGEST]}_{number}"
    return found


def _fitting(heading: str, place: int) -> str:
    """The heading in its composed form, or else without the signs that can't be (`m²` is `m2`), or by its
    place where nothing is left."""
    forms = [unicodedata.normalize(form, heading).strip() for form in ("NFC", "NFKC")]
    good = [each for each in forms if re.search(COLUMN_PATTERN, each)]
    return good[0] if good else _plain(forms[-1], place)


def _plain(heading: str, place: int) -> str:
    within = re.sub(rf"[^{LETTERS}0-9{COLUMN_SIGNS}]+", "_", heading)
    plain = re.sub(rf"^[^{LETTERS}0-9]+", "", within)[:LONGEST]
    plain = re.sub(rf"[^{LETTERS}0-9)%]+$", "", plain)
    return plain or f"column_{place}"
