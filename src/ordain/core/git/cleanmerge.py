"""Whether a tree is what merging two others gives by itself, where no file needs to be looked into.

The rule is that of every three-way merge: what only one side changed is taken from that side. Where both
changed the same file, or where something was removed (so that Git might see a rename), this says nothing.
"""

from __future__ import annotations

from collections.abc import Callable

from ordain.core.git.trees import TREE, Tree


def is_clean_merge(
    base: str, sides: tuple[str, str], result: str, read: Callable[[str], Tree]
) -> bool | None:
    """Whether a tree is the clean merge of two sides; None when only Git can tell.

    Args:
        base: tree of the merge base. sides: the trees that were merged. result: the tree in question.
        read: a tree's entries by its id.
    """
    ours, theirs = sides
    if base in sides or ours == theirs:
        return result == (theirs if base == ours else ours)
    left, middle, right, made = read(ours), read(base), read(theirs), read(result)
    if not set(middle) <= set(left) or not set(middle) <= set(right):
        return None
    if set(made) != {*left, *right}:
        return None
    return _entries(left, middle, (right, made), read)


def _entries(left: Tree, middle: Tree, others: tuple[Tree, Tree], read: Callable[[str], Tree]) -> bool | None:
    right, made = others
    for name, entry in made.items():
        ours, old, theirs = left.get(name), middle.get(name), right.get(name)
        if theirs in {ours, old}:
            expected = ours
        elif old == ours:
            expected = theirs
        elif ours and old and theirs and ours[0] == old[0] == theirs[0] == entry[0] == TREE:
            inner = is_clean_merge(old[1], (ours[1], theirs[1]), entry[1], read)
            if not inner:
                return inner
            continue
        else:
            return None
        if entry != expected:
            return False
    return True
