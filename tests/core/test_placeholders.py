"""Images that nobody can pull are told of, with their place, and are no problem."""

from __future__ import annotations

from ordain.core.state.declared import Declared
from ordain.core.state.instance import load
from ordain.core.state.placeholders import UNSET, placeholder_images

REAL = "@sha256:" + "1" * 64


def test_an_image_of_zeros_is_told_with_its_place(state_files: dict[str, bytes]) -> None:
    place = "environments/staging.yaml"
    text = state_files[place].decode()
    image = next(line for line in text.splitlines() if "image:" in line)
    name = image.partition("image:")[2].strip().partition("@")[0]
    told = {}
    for digest in (REAL, UNSET):
        files = {
            path: data.decode().replace(image, f"  image: {name}{digest}").encode()
            for path, data in state_files.items()
        }
        loaded = load(files)
        assert loaded.problems == ()
        assert loaded.instance is not None
        told[digest] = list(
            placeholder_images(Declared(instance=loaded.instance, documents=loaded.documents))
        )
    assert [each for each in told[REAL] if each.file == place] == []
    (found,) = [each for each in told[UNSET] if each.file == place]
    assert (found.key, found.code) == ("runtime.image", "placeholder-image")
    assert found.line == text.splitlines().index(image) + 1
    assert "no cluster can pull it" in found.message
