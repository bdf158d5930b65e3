"""When a finding becomes a retraining request."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from ordain.core.canonical import digest, is_digest
from ordain.core.drift.concerns import Concern, concerns, kept, news
from ordain.core.drift.evidence import BREACHES, DRIFTS, key_of
from ordain.core.escaping import visible
from ordain.core.people.request import Opened
from ordain.core.redaction import redacted_value
from ordain.core.value import Value
from ordain.errors import UserError

FILE = "retraining.json"
EVIDENCE_LIMIT = 4 * 2**20
ASKED = "refs/ordain/asked"
# How long a request that does not say what it is about stands for whatever is found of the same release.
STORM = dt.timedelta(days=30)
_TIME = "%Y-%m-%dT%H:%M:%SZ"
_LONG_AGO = dt.datetime.min.replace(tzinfo=dt.UTC)
Answer = Literal["calm", "open", "ready", "resume", "known", "cooling", "same", "ask"]


class Finding(Struct, frozen=True, kw_only=True):
    """What a monitor or a look at the data found; other members are carried and not read."""

    kind: str
    alarm: bool = False
    detail: str = ""


class Because(Struct, frozen=True, kw_only=True):
    """The part of an evidence document that is read here.

    Attributes:
        key: equal for findings that are one and the same storm; empty where the document is its own key.
        request: `draft` when findings are a reason to look rather than to act; `none` when they say
            something of the log, which no training mends.
    """

    model: str
    findings: tuple[Finding, ...]
    environment: str | None = None
    key: str = ""
    request: str = ""

    @property
    def alarms(self) -> tuple[Finding, ...]:
        """What training might mend."""
        return () if self.request == "none" else tuple(each for each in self.findings if each.alarm)

    @property
    def unmended(self) -> tuple[str, ...]:
        """Kinds of a monitor's alarms that no training mends, such as `log-stale`: people have to."""
        kinds = dict.fromkeys(each.kind for each in self.findings if each.alarm)
        mended = BREACHES | DRIFTS if self.request else frozenset(kinds)
        return tuple(each for each in kinds if each not in mended)

    @property
    def watched(self) -> bool:
        """Whether it is about a release that runs, and so worth a request even with nothing new to learn."""
        return self.request in {"draft", "open"}


class Retraining(Value, frozen=True, kw_only=True, omit_defaults=True):
    """`pipelines/<model>/retraining.json`: why a model was trained again; the newest time only.

    Attributes:
        asked: when, RFC 3339.
        digest: the evidence's key, or of the evidence itself, which follows as it came.
        told: whether it was only told where a request was open: a mark alone says so, and asks for nothing.
    """

    asked: str
    digest: str
    evidence: Any
    told: bool = False

    @property
    def time(self) -> dt.datetime:
        """When, as a time; long ago when it can't be read, so that a damaged file holds nothing up."""
        try:
            return dt.datetime.strptime(self.asked, _TIME).replace(tzinfo=dt.UTC)
        except ValueError:
            return _LONG_AGO

    @property
    def breach(self) -> bool:
        """Whether labels showed it: a reason to act, and not merely to look."""
        return isinstance(self.evidence, dict) and self.evidence.get("request") == "open"

    @property
    def concerns(self) -> frozenset[Concern]:
        """What it is about; empty where it does not say."""
        return concerns(self.evidence)


class Earlier(Value, frozen=True, kw_only=True):
    """A retraining that was asked for before.

    Attributes:
        branch: where it waits for its request, which was interrupted; None once it had one.
        marked: whether a mark says so, which nothing removes.
    """

    retraining: Retraining
    branch: str | None = None
    marked: bool = False


def because(data: bytes, model: str, where: str) -> tuple[Because, Any]:
    """The evidence as it is read, and as it came, but for what must not be shown: it may quote cells.

    Raises:
        UserError: when it is no evidence, or is of another model.
    """
    fix = "give what `ordain monitor --json` or `ordain data check --evidence` wrote"
    if len(data) > EVIDENCE_LIMIT:
        raise UserError(f"the evidence is larger than {EVIDENCE_LIMIT} bytes", where=where, fix=fix)
    try:
        document = redacted_value(msgspec.json.decode(data))  # it goes into Git, and into a request
        found = msgspec.convert(document, Because)
        digest("evidence/v1", document)
    except (
        msgspec.DecodeError,
        msgspec.ValidationError,
        UnicodeDecodeError,
        ValueError,
        RecursionError,
    ) as error:
        raise UserError(f"this is no evidence: {error}", where=where, fix=fix) from error
    if found.model != model:
        what = f"this evidence is of the model {visible(found.model, 60)}, not of {model}"
        raise UserError(what, where=where, fix=f"name the model it is of, or {fix}")
    return found, document


def retraining(found: Because, document: Any, now: dt.datetime, artifact: str = "") -> Retraining:
    """The record of a request that is made now.

    Args:
        artifact: digest of what is pinned in the evidence's environment. An alert about it that has no key
            of its own belongs to the same storm as what the monitor finds.
    """
    asked = now.astimezone(dt.UTC).strftime(_TIME)
    key = digest("evidence/v1", document)
    if is_digest(found.key):
        key = found.key
    elif found.watched and found.environment and artifact:
        key = key_of(found.model, found.environment, artifact)
    return Retraining(asked=asked, digest=key, evidence=document)


def encode(record: Retraining) -> bytes:
    """The file."""
    return msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n"


def decode(data: bytes) -> Retraining | None:
    """What a file says; None when it is no such file, which then counts for nothing."""
    try:
        return msgspec.json.decode(data, type=Retraining)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def marks(model: str) -> str:
    """Where the marks of one model's requests are, as refs."""
    return f"{ASKED}/{model}"


def essence(record: Retraining) -> Retraining:
    """What a mark keeps: when, and of what; the evidence itself is in the request."""
    whole = record.evidence if isinstance(record.evidence, dict) else {}
    short = {name: whole[name] for name in ("model", "environment", "request") if name in whole}
    about = record.concerns
    return replace(record, evidence={**short, "findings": kept(about)} if about else short)


def _same(wanted: Retraining, asked: Iterable[Retraining]) -> list[Retraining]:
    """What is about the same release in the same environment, and not dated in the future."""
    return [each for each in asked if each.digest == wanted.digest and each.time <= wanted.time]


def _requested(earlier: Iterable[Earlier]) -> list[Earlier]:
    """What asked for a request, and was not merely told in one."""
    return [each for each in earlier if not each.retraining.told]


def covered(wanted: Retraining, asked: Iterable[Retraining]) -> bool:
    """Whether everything that is found was asked for before, as a breach where it is one.

    Alerts name no column, and belong to whatever was asked for. What does not say what it was about stands
    for everything, for as long as a storm lasts; what is dated in the future for nothing.
    """
    same = [each for each in _same(wanted, asked) if not each.told]
    enough = [each for each in same if each.breach or not wanted.breach]
    if any(not each.concerns and wanted.time - each.time < STORM for each in enough):
        return True
    return bool(enough) and not news(wanted.concerns, {about for each in same for about in each.concerns})


def further(wanted: Retraining, earlier: Sequence[Earlier]) -> str:
    """Names what is found beyond what was asked for and told since, as a marker; empty where nothing is."""
    same = _same(wanted, [each.retraining for each in earlier])
    since = max((each.time for each in same if not each.told), default=_LONG_AGO)
    known = (each for each in same if not each.told or each.time >= since)
    new = news(wanted.concerns, {about for each in known for about in each.concerns})
    if not new or covered(wanted, same):
        return ""
    return f"found-{digest('evidence/v1', kept(new)).removeprefix('sha256:')[:12]}"


def unremembered(wanted: Retraining, earlier: Sequence[Earlier]) -> bool:
    """Whether this was asked for and no mark says so: whoever did was interrupted before."""
    same = [each for each in _requested(earlier) if each.retraining.digest == wanted.digest]
    marked = [each.retraining for each in same if each.marked]
    if same and wanted.breach and not any(each.breach for each in marked):
        return True
    return covered(wanted, [each.retraining for each in same]) and not covered(wanted, marked)


def judge(
    wanted: Retraining, earlier: Sequence[Earlier], opened: Sequence[Opened], cooldown: dt.timedelta
) -> tuple[Answer, str]:
    """Whether to ask, and what stands in the way: a request's page, a branch, or a time.

    One request is open for a model at a time; a breach lets a draft ask for review. The same findings are
    good for one request; another kind, column or gate may have its own, and so may a breach that follows
    drift which was turned down. After a request, merged or turned down, nothing is asked for a while. A
    branch whose asking was interrupted is taken up again. What is dated in the future says nothing: else it
    would hold everything up until then.
    """
    earlier = [each for each in _requested(earlier) if each.retraining.time <= wanted.time]
    if opened:
        first = opened[0]
        return ("ready" if first.draft and wanted.breach else "open"), first.url
    same = [each for each in earlier if each.retraining.digest == wanted.digest]
    for each in same:
        if each.branch is not None:
            return "resume", each.branch
    if covered(wanted, [each.retraining for each in same]):
        return "known", visible(max(same, key=lambda each: each.retraining.time).retraining.asked, 40)
    newest = max((each.retraining.time for each in earlier), default=None)
    if newest is not None and wanted.time < newest + cooldown:
        return "cooling", (newest + cooldown).strftime(_TIME)
    return "ask", ""
