"""The only door to Git: validated arguments, plumbing, and a scratch repository for what is not ours.

Underneath is GitPython's command runner. No option, ref, path or address reaches it that
`core.gitnames` has not allowed; hooks, remote helpers, replace refs, file-system monitors, attributes
and submodules are switched off in every call; variables such as GIT_DIR are taken out of the
environment.
"""

from ordain.adapters.git.command import PushRacedError, StoreError
from ordain.adapters.git.opening import find_repository, scratch
from ordain.adapters.git.reading import BLOB_LIMIT, REGULAR, Listed
from ordain.adapters.git.repository import Repository

__all__ = [
    "BLOB_LIMIT",
    "REGULAR",
    "Listed",
    "PushRacedError",
    "Repository",
    "StoreError",
    "find_repository",
    "scratch",
]
