"""Every form in which a release can run in bulk, for the gate that measures them before anything ships."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ordain.core.artifacts.signature import Signature
from ordain.core.canonical import bytes_digest
from ordain.runtime.artifact import Verified
from ordain.runtime.batch.admitting import Admission, Chunk
from ordain.runtime.batch.executors import Executors
from ordain.runtime.model import Identity, Model

Ask = Callable[[Any], NDArray[np.float32]]


def forms_of(data: bytes, signature: Signature) -> Mapping[str, Ask]:
    """What asks a graph in each form that it offers.

    Args:
        data: bytes of `model.onnx`, of the maker's own. signature: the artifact's.

    Returns:
        by name, a function from a pandas frame with every feature to answers, float32 [N, width].
    """
    verified = Verified(digest=bytes_digest(data), signature=signature, model=data)
    model = Model(Identity(name=signature.model, version="0", artifact=verified.digest), verified)
    admission = Admission(signature, "accept")
    names = [each.name for each in signature.features]

    def asking(execute: Any) -> Ask:
        def ask(frame: Any) -> NDArray[np.float32]:
            whole = pa.Table.from_pandas(frame[names], preserve_index=False)
            columns = {name: whole.column(name).combine_chunks() for name in names}
            answers: NDArray[np.float32] = execute(
                admission(Chunk(0, len(whole), columns, {}, {}, textual=False))
            )
            return answers

        return ask

    return {name: asking(execute) for name, execute in Executors(model, verified).every().items()}
