"""The data contract of one model: source, target, id, sensitive columns, and each column."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ordain.core.artifacts.signature import FLOAT_MAX
from ordain.core.data.addresses import remote
from ordain.core.problems import did_you_mean
from ordain.core.specs.lookalikes import look
from ordain.core.specs.spec import ColumnContract, Data, DerivedId, Source, Spec
from ordain.core.yaml.yamldoc import Path
from ordain.core.yaml.yamlscalars import Fault, shown

# A fault and where in the file it is.
Finding = tuple[Path, Fault]

NUMERIC = ("integer", "number")
BOOLEAN_LABELS = ("false", "true", "0", "1")
_SECRET_PARAMETER = re.compile(
    r"[?&#;]([^=&#;]*(secret|token|password|passwd|signature|credential|api-?_?key|access-?_?key)[^=&#;]*"
    r"|sig|key|pwd|auth)=",
    re.IGNORECASE,
)


def data_faults(spec: Spec, path: Path) -> Iterator[Finding]:
    """Everything wrong with `data`.

    Args:
        spec: the model. path: of its `data` in `models.yaml`.
    """
    data = spec.data
    yield from _source(data.source, (*path, "source"))
    for name, contract in data.columns.items():
        yield from _column(contract, (*path, "columns", name))
    yield from _look_alikes(data, path)
    yield from _unknown_columns(data, path)
    yield from _sensitive(data, (*path, "sensitive"))
    if data.target in data.columns:
        yield from _target(spec, path)
        yield from _positive(spec, path)
    hidden = {data.target, data.id}
    if not any(each.feature for name, each in data.columns.items() if name not in hidden):
        yield (*path, "columns"), Fault("no-feature", "no column is left that the model may see")


def unknown_column(name: str, data: Data) -> Fault:
    """A column that the contract does not have."""
    known = ", ".join([*data.columns][:8]) + (" …" if len(data.columns) > 8 else "")
    listed = f"add it under `columns`; there are {known}"
    message = f"the column `{shown(name)}` is not in the contract"
    return Fault("unknown-column", message, did_you_mean(name, data.columns) or listed)


def has_credentials(url: str) -> bool:
    """Whether a URL carries a user, a password, or a parameter that is named like a secret."""
    authority = re.split(r"[/?#]", url.partition("://")[2], maxsplit=1)[0]
    return "@" in authority or bool(_SECRET_PARAMETER.search(url))


def _source(source: Source, path: Path) -> Iterator[Finding]:
    if (source.path is None) == (source.url is None):
        said = "both `path` and `url` are" if source.path else "neither `path` nor `url` is"
        yield path, Fault("source", f"{said} given", "give one of the two")
    if source.url is None:
        return
    if has_credentials(source.url):
        advice = "remove it from the file, replace it where it was issued, and give it to the machine instead"
        yield (*path, "url"), Fault("secret", "the URL carries a credential, and Git forgets nothing", advice)
    if not remote(source.url):
        message = "the URL leads to files of the machine that reads it, or to no store that is known"
        yield (*path, "url"), Fault("local-url", message, "use `path` for a file in this repository")


def _column(contract: ColumnContract, path: Path) -> Iterator[Finding]:
    kind, categories = contract.type, contract.categories
    for name, bound in (("min", contract.min), ("max", contract.max)):
        if bound is not None and kind not in NUMERIC:
            yield (*path, name), Fault("bound-on-text", f"a {kind} column has no `{name}`", "remove it")
        if bound is not None and contract.feature and abs(bound) > FLOAT_MAX:
            message = f"`{name}` {bound:g} is beyond {FLOAT_MAX:.3g}, the largest number of a graph's 32 bits"
            yield (*path, name), Fault("bound-beyond-graph", message, "give the column in another unit")
    if contract.min is not None and contract.max is not None and contract.min > contract.max:
        message = f"`min` {contract.min:g} is greater than `max` {contract.max:g}"
        yield (*path, "min"), Fault("min-above-max", message)
    if categories is None:
        return
    if kind != "string":
        fix = "remove them, or use `type: string`"
        yield (*path, "categories"), Fault("categories-on-number", f"a {kind} column has no categories", fix)
    if not categories:
        yield (*path, "categories"), Fault("empty", "must not be empty", "leave the key out for any text")
    for place, label in enumerate(categories):
        if label in categories[:place]:
            where = (*path, "categories", place)
            yield where, Fault("repeated", f"`{shown(label)}` is listed twice", "remove one of the two")


def _look_alikes(data: Data, path: Path) -> Iterator[Finding]:
    seen: dict[str, str] = {}
    for name in data.columns:
        first = seen.setdefault(look(name), name)
        if first != name:
            message = f"`{name}` looks like another column, {first!a}: it is {name!a}"
            yield (*path, "columns", name), Fault("look-alike", message, "rename one of them in the data")


def _unknown_columns(data: Data, path: Path) -> Iterator[Finding]:
    named: list[tuple[Path, str]] = [((*path, "target"), data.target)]
    if not isinstance(data.id, DerivedId):
        named.append(((*path, "id"), data.id))
    elif data.id.derive != "features":
        named += [((*path, "id", "derive", place), name) for place, name in enumerate(data.id.derive)]
    named += [((*path, "sensitive", place), name) for place, name in enumerate(data.sensitive)]
    for where, name in named:
        if name not in data.columns:
            yield where, unknown_column(name, data)


def _sensitive(data: Data, path: Path) -> Iterator[Finding]:
    for place, name in enumerate(data.sensitive):
        where = (*path, place)
        if name in data.sensitive[:place]:
            yield where, Fault("repeated", f"`{name}` is listed twice", "remove one of the two")
        if name == data.target:
            message = "the target cannot be a sensitive column: its groups are what is predicted"
            yield where, Fault("sensitive-target", message, "remove it")
        if name in data.columns and data.columns[name].type in ("number", "date"):
            message = f"the {data.columns[name].type} column `{name}` has no groups to compare"
            yield where, Fault("sensitive-without-groups", message, "add a column with groups to the data")


def _target(spec: Spec, path: Path) -> Iterator[Finding]:
    target = spec.data.columns[spec.data.target]
    where: Path = (*path, "columns", spec.data.target)
    if target.nullable:
        fault = Fault("target-nullable", "the target is never missing", "remove `nullable`")
        yield (*where, "nullable"), fault
    if spec.data.id == spec.data.target:
        yield (*path, "id"), Fault("target-as-id", "the target cannot be the id", "choose another column")
    if spec.task == "regression":
        if target.type not in NUMERIC:
            fix = "use `type: number`, or another task"
            yield (*where, "type"), Fault("target-type", "a regression predicts a number", fix)
        return
    if target.type in ("number", "date"):
        message = f"a {spec.task} task predicts a label, and this is a {target.type}"
        fault = Fault("target-type", message, "use `type: string`, or `task: regression`")
        yield (*where, "type"), fault
    elif target.type == "string":
        yield from _classes(spec.task, target.categories, where)


def _classes(task: str, categories: tuple[str, ...] | None, where: Path) -> Iterator[Finding]:
    count = len(set(categories or ()))
    if categories is None:
        message = f"a {task} target lists its labels"
        yield where, Fault("target-categories", message, 'add categories: ["No", "Yes"] with the labels')
    elif task == "binary" and count != 2:
        message = f"a binary target has two labels, this has {count}"
        yield (*where, "categories"), Fault("target-categories", message, "or use `task: multiclass`")
    elif task == "multiclass" and count < 3:
        message = f"a multiclass target has three labels or more, this has {count}"
        yield (*where, "categories"), Fault("target-categories", message, "or use `task: binary`")


def _positive(spec: Spec, path: Path) -> Iterator[Finding]:
    data, where = spec.data, (*path, "positive")
    target = data.columns[data.target]
    if data.positive is None:
        if spec.task == "binary":
            labels = target.categories or ("true",)
            fix = f'add positive: "{shown(labels[-1])}", or the other label'
            yield where, Fault("positive", "a binary task names its positive label", fix)
        return
    if spec.task == "regression":
        yield where, Fault("positive", "a regression has no positive label", "remove it")
        return
    labels = BOOLEAN_LABELS if target.type == "boolean" else target.categories or ()
    written = data.positive.lower() if target.type == "boolean" else data.positive
    if labels and written not in labels:
        listed = ", ".join(f'"{shown(each)}"' for each in labels[:8])
        message = f"`{shown(data.positive)}` is no label of the target"
        yield where, Fault("positive", message, did_you_mean(data.positive, labels) or f"one of {listed}")
