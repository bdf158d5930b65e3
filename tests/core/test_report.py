"""One plan, three forms; whatever a spec holds, none of them can be made to say or do more."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from msgspec.structs import replace

from ordain.core.pipelines.changes import Change
from ordain.core.pipelines.stale import Cause, Stale
from ordain.core.plans.plan import (
    Approver,
    CurveLine,
    FileChange,
    GateLine,
    GroupLine,
    Item,
    MetricDelta,
    Plan,
    Point,
    RateDelta,
)
from ordain.core.reasons import Reason
from ordain.core.reports import report, report_html, report_markdown, report_text
from ordain.core.reports.plan_document import document, schema_bytes
from ordain.core.specs.identity import Target

SCHEMA = Path(__file__).parents[2] / "src/ordain/schemas/plan.schema.json"
CHURN = Target(environment="production", model="churn")
DIFF = (
    "--- a/production/churn/x.yaml\n+++ b/production/churn/x.yaml\n@@ -1 +1 @@\n-image: 1\n+image: 2\n kept"
)


RATE = RateDelta(proposed=0.25, interval=(0.1, 0.5), deployed=0.2)
ROC = ((0.0, 0.0), (0.2, 0.5), (1.0, 1.0))
CURVE = CurveLine(curve="roc", deployed=ROC, proposed=ROC)


MEI = Approver(person="mei", kind="signed-by-approver", key="SHA256:abc", roles=("reviewer",))


def item(**changed: Any) -> Item:
    content: dict[str, Any] = {
        "target": CHURN,
        "action": "change",
        "transition": "sha256:" + "4" * 64,
        "approved": False,
        "reason": Reason.APPROVALS_MISSING,
        "detail": "one reviewer is missing",
        "deployed": "churn@1",
        "wanted": "churn@2",
        "changes": (
            Change(slice="parameter", key="candidates.xgboost.parameters.max_depth", before=3, after=4),
            Change(slice="code", key="code", before="sha256:" + "0" * 64, after="sha256:" + "1" * 64),
        ),
        "metrics": (
            MetricDelta(
                metric="roc_auc", deployed=0.81, proposed=0.82, difference=0.01, interval=(-0.01, 0.03)
            ),
            MetricDelta(metric="log_loss", deployed=None, proposed=0.4, difference=None),
        ),
        "gates": (
            GateLine(gate="quality.roc_auc", outcome="pass", value=0.82, bound=0.8),
            GateLine(
                gate="fairness.x", outcome="fail", value=0.3, bound=0.2, waived="known (until 2027-01-31)"
            ),
            GateLine(gate="calibration", outcome="insufficient", detail="too few rows"),
        ),
        "files": (
            FileChange(path="production/churn/x.yaml", kind="changed", added=1, removed=1, diff=DIFF),
            FileChange(
                path="production/churn/new.yaml",
                kind="added",
                added=2,
                removed=0,
                diff="--- /dev/null\n+++ b\n+a",
            ),
        ),
        "approvals": (
            Approver(person="mei", kind="signed-by-approver", key="SHA256:abc", roles=("reviewer",)),
        ),
        "missing": {"reviewer": 1, "risk-officer": 2},
        "contributors": ("dana",),
        "notes": ("something is not in this clone",),
        **changed,
    }
    return Item(**content)


def plan(*items: Item, stale: tuple[Stale, ...] = (), uncommitted: tuple[str, ...] = ()) -> Plan:
    return Plan(
        repository="local/x",
        revision=Point(name="working tree", commit="b" * 40, uncommitted=uncommitted),
        base=Point(name="origin/main", commit="a" * 40),
        entry=3,
        items=items,
        stale=stale,
    )


NOTHING = Item(target=CHURN, action="none", deployed="churn@1", wanted="churn@1")
CAUSE = Cause(kind="parameter", name="a", sentence="parameter a: 1 -> 2")
STALE = Stale(model="churn", stages=("train-xgboost", "select"), causes=(CAUSE,))
FULL = plan(
    item(),
    item(
        target=Target(environment="staging", model="churn"), approved=True, reason=Reason.APPROVED, missing={}
    ),
    item(target=Target(environment="_policy", model="_policy"), action="policy", reason=Reason.GATE_FAILED),
    NOTHING,
    stale=(STALE,),
    uncommitted=("models.yaml",),
)


def test_verdicts() -> None:
    assert report.verdict(plan(NOTHING)) == "Nothing to do: what runs is what is wanted."
    assert report.verdict(FULL) == (
        "3 changes to production, staging, the policy: 1 approved, 1 waiting for approvals, 1 blocked. "
        "1 pipeline would run: churn."
    )
    assert report.verdict(plan(stale=(STALE,))) == "1 pipeline would run: churn."


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, "needs 1 reviewer, 2 risk-officer"),
        ({"approved": True}, "approved"),
        ({"action": "none"}, "up to date"),
        ({"reason": Reason.GATE_FAILED}, "blocked: gate-failed"),
        ({"missing": {}}, "blocked: approvals-missing"),
        ({"missing": {}, "reason": None}, "blocked: state-invalid"),
    ],
)
def test_standings(changed: dict[str, Any], expected: str) -> None:
    assert report.standing(item(**changed)) == expected


@pytest.mark.parametrize(
    ("deployed", "wanted", "expected"),
    [
        ("churn@1", "churn@2", "churn@1 -> churn@2"),
        ("churn@1", "churn@1", "churn@1"),
        (None, "churn@1", "churn@1"),
        ("churn@1", None, "churn@1"),
        (None, None, ""),
    ],
)
def test_movements(deployed: str | None, wanted: str | None, expected: str) -> None:
    assert report.movement(item(deployed=deployed, wanted=wanted)) == expected


def test_places() -> None:
    assert report.against(FULL) == (
        "working tree (bbbbbbb + 1 uncommitted file) against origin/main (aaaaaaa), ledger entry 3"
    )
    empty = replace(FULL, entry=0, base=Point(name="origin/main", commit=None))
    assert report.against(empty).endswith("against origin/main (no commit), an empty ledger")


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0.0, "1 s"), (59.4, "59 s"), (60, "1 min"), (200, "3 min 20 s"), (7500, "2 h 5 min")],
)
def test_times_as_people_say_them(seconds: float, expected: str) -> None:
    assert report.lasting(seconds) == expected


def test_costs_by_past_runs() -> None:
    timed = replace(STALE, seconds=61.0)
    assert report.cost(STALE) == "no past run tells how long it takes"
    assert report.cost(timed) == "about 1 min 1 s by past runs"
    assert report.cost(replace(timed, unknown=("a",))) == "about 1 min 1 s by past runs; 1 stage never timed"
    assert report.verdict(plan(stale=(timed,))) == "1 pipeline would run: churn (about 1 min 1 s)."


def test_a_single_change_is_said_in_the_verdict() -> None:
    assert report.verdict(plan(item(missing={"reviewer": 1}))) == (
        "1 change to production: churn@1 -> churn@2 needs 1 reviewer."
    )


def test_long_lists_are_cut() -> None:
    assert report.listed(["a", "b"]) == "a, b"
    assert report.listed(list("abcdefghij")) == "a, b, c, d, e, f, g, h, 2 more"


def test_the_gates_on_a_metric() -> None:
    gates = (
        GateLine(gate="quality.f1", outcome="pass"),
        GateLine(gate="non_inferiority.f1", outcome="fail"),
        GateLine(gate="calibration", outcome="insufficient"),
    )
    assert report.gate_of("f1", gates) == "pass; non-inferiority fail"
    assert report.gate_of("calibration_error", gates) == "insufficient"
    assert report.gate_of("recall", gates) == ""


@pytest.mark.parametrize(
    ("metric", "difference", "expected"),
    [("f1", 0.1, "better"), ("f1", -0.1, "worse"), ("brier", 0.1, "worse"), ("f1", 0.0, ""), ("x", 1.0, "")],
)
def test_better_or_worse(metric: str, difference: float, expected: str) -> None:
    each = MetricDelta(metric=metric, deployed=0.1, proposed=0.2, difference=difference)
    assert report.direction(each) == expected


def test_values_of_different_holdouts_are_not_subtracted() -> None:
    each = MetricDelta(metric="f1", deployed=0.1, proposed=0.2, difference=None, other_holdout=True)
    assert report.delta(each) == "other holdout"
    assert report.delta(replace(each, difference=0.1)) == "+0.1000 better"


def test_what_was_edited_by_hand_is_something_to_do() -> None:
    edited = replace(plan(), restored=("manifests/a.yaml", "manifests/b.yaml"))
    assert not edited.empty
    assert report.verdict(edited) == "2 edited files below manifests/ would be restored."
    assert "manifests/b.yaml" in report.remarks(edited)[0]
    assert document(edited)["exit_code"] == 2


def test_text_says_it_all() -> None:
    text = report_text.text(FULL)
    for words in (
        "production/churn  change  churn@1 -> churn@2  needs 1 reviewer, 2 risk-officer",
        "policy            policy  churn@1 -> churn@2  blocked: gate-failed",
        "one reviewer is missing",
        "candidates.xgboost.parameters.max_depth  3 -> 4",
        "000000000000 -> 111111111111",
        "roc_auc   0.8100    0.8200    +0.0100 better [-0.0100, +0.0300]",
        "fail, waived",
        "known (until 2027-01-31)",
        "too few rows",
        "reviewer      mei (signed by approver)  1",
        "risk-officer  nobody yet                2",
        "contributed, so can't count: dana",
        "~ production/churn/x.yaml (+1 -1)",
        "      -image: 1",
        "+ production/churn/new.yaml (+2 -0)",
        "pipeline churn: 2 stages would run",
        "    models.yaml",
        "note: something is not in this clone",
    ):
        assert words in text, words
    assert "\x1b" not in text
    assert not [line for line in text.split("\n") if line != line.rstrip()]


def test_text_is_painted_by_role() -> None:
    roles = set()

    def paint(text: str, role: str) -> str:
        roles.add(role)
        return text

    assert report_text.text(FULL, paint) == report_text.text(FULL)
    assert roles == {"strong", "faint", "good", "bad", "new", "old"} or roles >= {
        "strong",
        "faint",
        "good",
        "bad",
    }


def test_text_of_an_item_with_nothing_to_say() -> None:
    bare = item(
        changes=(),
        metrics=(),
        gates=(),
        files=(),
        approvals=(),
        missing={},
        contributors=(),
        notes=(),
        detail="",
    )
    text = report_text.text(plan(bare))
    assert "why" not in text
    assert "none yet" in text


def test_many_changes_are_counted_not_listed() -> None:
    many = tuple(Change(slice="policy", key=f"k{index}", before=1, after=2) for index in range(45))
    assert "and 5 more (--json has them all)" in report_text.text(plan(item(changes=many)))


GROUPS = (
    GroupLine(column="female", group="true", rows=3, selected=RATE),
    GroupLine(column="female", group="false", rows=0),
)
DEEP = item(groups=GROUPS, curves=(CURVE,))


def test_groups_and_curves_in_every_form() -> None:
    text = report_text.text(plan(DEEP))
    assert "female  true   3     0.2500 [0.1000, 0.5000], was 0.2000  -" in text
    said = report_markdown.comment(plan(DEEP))
    assert (
        "| <code>female</code> | <code>true</code> | 3 | 0.2500 [0.1000, 0.5000], was 0.2000 | - | - |"
        in said
    )
    assert "Fairness by group on the holdout of <code>churn&#64;2</code>: <code>x</code> fail, waived" in said
    assert "Grey: <code>churn&#64;1</code>, which runs. Blue: <code>churn&#64;2</code>." in said
    assert "```mermaid\n%%{init: " in said
    page = report_html.page(plan(DEEP), lambda spec: f"<svg>{spec['title']['text']}</svg>")
    assert "<svg>ROC on the holdout</svg>" in page
    assert "<td>0.2500 [0.1000, 0.5000], was 0.2000</td>" in page
    assert report_html.UNDRAWN in report_html.page(plan(DEEP))


def test_the_curves_of_a_first_release_stand_alone() -> None:
    alone = item(deployed=None, curves=(replace(CURVE, deployed=()),))
    said = report_markdown.comment(plan(alone))
    assert "Grey" not in said
    assert "Blue: <code>churn&#64;2</code>." in said
    nothing = item(curves=(replace(CURVE, deployed=(), proposed=()),))
    assert "mermaid" not in report_markdown.comment(plan(nothing))


def test_the_same_release_is_drawn_once() -> None:
    both = plan(DEEP, replace(DEEP, target=Target(environment="staging", model="churn")))
    said = report_markdown.comment(both)
    assert (said.count("```mermaid"), said.count("Fairness by group"), said.count("#### ")) == (1, 1, 2)


def test_an_unchanged_release_needs_no_table_of_metrics() -> None:
    same = item(deployed="churn@2")
    assert "deployed | proposed | difference" not in report_markdown.comment(plan(same))
    assert "metrics on the holdout" not in report_text.text(plan(same))


def test_what_blocks_comes_first_and_pipelines_say_where_they_lead() -> None:
    other = item(target=Target(environment="staging", model="z"), reason=Reason.GATE_FAILED)
    timed = replace(STALE, seconds=61.0, environments=("staging",))
    said = report_markdown.comment(plan(item(), other, stale=(timed,)))
    assert said.index("staging/z") < said.index("production/churn")
    assert "| parameter | <code>a</code> | <code>parameter a&#58; 1 -&#62; 2</code> |" in said
    assert "Cost: about 1 min 1 s by past runs. Its release would be pinned in staging." in said
    text = report_text.text(plan(stale=(timed,)))
    assert "costs: about 1 min 1 s by past runs" in text
    assert "Its release would be pinned in staging" in text
    assert "Its release would be pinned in staging" in report_html.page(plan(stale=(timed,)))


def test_long_lists_are_cut_in_the_comment() -> None:
    many = tuple(Change(slice="code", key=f"k{index}", before=1, after=2) for index in range(45))
    causes = tuple(Cause(kind="code", name=f"k{index}", sentence="s") for index in range(45))
    said = report_markdown.comment(plan(item(changes=many), stale=(replace(STALE, causes=causes),)))
    assert said.count("_and 5 more_") == 2


def test_environments_touched() -> None:
    staged = replace(STALE, environments=("staging",))
    assert plan(item(), NOTHING, stale=(staged,)).environments == ("production", "staging")
    assert plan(NOTHING).environments == ()


def test_markdown_says_it_all() -> None:
    text = report_markdown.comment(FULL)
    assert text.startswith("### Ordain plan\n\n**3 changes to production")
    for words in (
        "| <code>production</code> | <code>churn</code> | change |",
        "| <code>churn&#64;1 -&#62; churn&#64;2</code> | ⏳",
        "⏳ needs 1 reviewer, 2 risk-officer",
        "✅ approved",
        "⛔ blocked&#58; gate-failed",
        "| <code>roc_auc</code> | 0.8100 | 0.8200 | +0.0100 better [-0.0100, +0.0300] | pass |",
        "<details open><summary>3 gates: 1 pass, 1 waived, 1 block</summary>",
        "```diff\n--- a/production/churn/x.yaml",
        "| <code>reviewer</code> | <code>mei (signed by approver)</code> | 1 |",
        "| <code>risk-officer</code> | <code>nobody yet</code> | 2 |",
        "Contributed, so can't count: <code>dana</code>.",
        "#### Pipeline <code>churn</code> would run",
        "_something is not in this clone_",
        "> one reviewer is missing",
    ):
        assert words in text, words


def test_markdown_of_nothing() -> None:
    assert "| --- |" not in report_markdown.comment(plan())
    quiet = item(
        changes=(), notes=(), metrics=(), gates=(), files=(), missing={}, contributors=(), approvals=()
    )
    text = report_markdown.comment(plan(quiet))
    assert "Approvals: none yet." in text
    assert "<details" not in text
    fine = item(gates=(GateLine(gate="parity", outcome="pass"),))
    assert "<details><summary>1 gate: 1 pass</summary>" in report_markdown.comment(plan(fine))
    assert "because of" not in report_markdown.comment(plan(item(changes=())))


def test_remarks_on_the_whole_plan() -> None:
    waiting = replace(plan(NOTHING), unreconciled=("a" * 40,), notes=("no approvals from here",))
    said = ("1 commit of origin/main waits for `ordain reconcile`", "no approvals from here")
    assert report.remarks(waiting) == said
    assert said[0] in report_text.text(waiting)
    assert "&#96;ordain reconcile&#96;" in report_markdown.comment(waiting)
    assert said[0] in report_html.page(waiting)
    assert "2 commits of origin/main wait for" in report.remarks(replace(waiting, unreconciled=("a", "b")))[0]


@pytest.mark.parametrize("models", [1, 20, 200, 2000])
def test_the_comment_fits_a_forge(models: int) -> None:
    places = [
        Target(environment=environment, model=f"m{index}")
        for environment in ("production", "staging")
        for index in range(models)
    ]
    every = plan(*(replace(DEEP, target=each) for each in places))
    said = report_markdown.comment(every)
    assert len(said) <= report_markdown.LIMIT
    assert "<code>m0</code>" in said
    assert ("left out to fit" in said) == (models > 1)
    assert ("more change_" in said) == (models == 2000)
    full = report_markdown.full(every)
    assert len(full.encode()) <= report_markdown.FULL_LIMIT
    assert (full.count("#### ") == 2 * models) == (models <= 200)


def test_a_summary_is_limited_in_bytes() -> None:
    wide = item(notes=tuple(chr(0x8A00 + number) * 1000 for number in range(9)))
    every = plan(
        *(replace(wide, target=Target(environment="production", model=f"m{index}")) for index in range(300))
    )
    full = report_markdown.full(every)
    assert 500_000 < len(full.encode()) <= report_markdown.FULL_LIMIT
    assert "left out to fit" in full


def test_what_matters_most_is_kept_for_all_before_anything_else_for_any() -> None:
    items = [replace(DEEP, target=Target(environment="production", model=f"m{index}")) for index in range(40)]
    said = report_markdown.comment(plan(*items))
    assert said.count("#### ") == 40
    assert said.count("| approvals of |") == 40
    assert said.count("<summary>Manifests of") < 40


class Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}


def elements(source: str) -> Elements:
    parser = Elements()
    parser.feed(source)
    parser.close()
    return parser


HOSTILE = [
    "<script>alert(1)</script>",
    "a | b",
    "`x`",
    "```\n```",
    "x\ny\r\n# z",
    "</details></table>",
    "-->",
    "[a](javascript:b)",
    "![a](https://b)",
    "\x1b]0;title\x07",
    "\u202eabc",
    "@all",
    "\\",
    "&lt;",
    "<img src=x onerror=y>",
    "\u2028",
]
texts = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=20))


@st.composite
def hostile_plans(draw: st.DrawFn) -> Plan:
    def text() -> str:
        return draw(texts)

    one = item(
        target=Target(environment=text(), model=text()),
        detail=text(),
        deployed=f"a{text()}",
        wanted=f"b{text()}",
        changes=(Change(slice="data", key=text(), before=text(), after={text(): [text()]}),),
        groups=(GroupLine(column=text(), group=text(), rows=3, selected=RATE),),
        curves=(CURVE,),
        metrics=(MetricDelta(metric=text(), deployed=0.1, proposed=0.2, difference=0.1),),
        gates=(
            GateLine(gate=text(), outcome="fail", detail=text()),
            GateLine(gate=f"quality.{text()}", outcome="fail", waived=text()),
        ),
        files=(FileChange(path=text(), kind="changed", added=1, removed=1, diff=f"--- a\n+++ b\n+{text()}"),),
        approvals=(Approver(person=text(), kind="attested-by-collector", key=text(), roles=("b",)),),
        missing={f"a{text()}": 1},
        contributors=(text(),),
        notes=(text(),),
    )
    stale = Stale(model=text(), stages=(text(),), causes=(Cause(kind="data", name=text(), sentence=text()),))
    built = plan(one, stale=(stale,), uncommitted=(text(),))
    base = replace(built.base, name=text())
    waiting = replace(built, revision=replace(built.revision, name=text()), base=base)
    return replace(waiting, unreconciled=("c",), notes=(text(),))


ALLOWED = {"table", "thead", "tbody", "tr", "th", "td", "code", "details", "summary", "sub", "pre"}
PROSE = {"h3", "h4", "p", "strong", "em", "ul", "li", "blockquote"}


@given(hostile_plans())
@settings(max_examples=150, deadline=None)
def test_hostile_text_cannot_break_out_of_markdown(hostile: Plan) -> None:
    source = report_markdown.comment(hostile)
    rendered = MarkdownIt("commonmark", {"html": True}).enable("table").render(source)
    found = elements(rendered)
    assert found.tags <= ALLOWED | PROSE
    assert found.attributes <= {"class", "open"}
    for name in ("details", "table", "code"):
        assert rendered.count(f"<{name}") == rendered.count(f"</{name}>")
    assert rendered.count("<h4>") == len(hostile.changes) + len(hostile.stale)
    tables = [len(re.findall(r"<th[ >]", each)) for each in re.findall(r"(?s)<table>.*?</table>", rendered)]
    assert tables == [5, 4, 5, 5, 3, 6, 3]
    rows = [len(re.findall(r"<td[ >]", row)) for row in re.findall(r"(?s)<tr>.*?</tr>", rendered)]
    assert [cells for cells in rows if cells] == [5, 4, 5, 5, 5, 3, 3, 6, 3]


@given(hostile_plans())
@settings(max_examples=100, deadline=None)
def test_hostile_text_cannot_break_out_of_the_page(hostile: Plan) -> None:
    found = elements(report_html.page(hostile))
    frame = {"html", "head", "meta", "title", "style", "body", "main"}
    assert found.tags <= ALLOWED | PROSE | frame | {"h1", "h2", "span", "div"}
    assert found.attributes <= {"class", "lang", "charset", "http-equiv", "content", "name", "scope"}


@given(hostile_plans())
@settings(max_examples=100, deadline=None)
def test_hostile_text_cannot_move_the_cursor(hostile: Plan) -> None:
    text = report_text.text(hostile)
    assert all(each.isprintable() or each in "\n\t" for each in text)


def test_the_page_is_self_contained() -> None:
    page = report_html.page(FULL)
    assert "default-src 'none'" in page
    assert "http://" not in page
    assert "https://" not in page
    assert '<span class="plus">+image: 2</span>' in page
    assert "<td>candidates.xgboost.parameters.max_depth</td><td>3</td><td>4</td>" in page
    bare = report_html.page(plan(item(files=(), missing={}, approvals=())))
    assert "<details>" not in bare
    assert "none yet" in bare


def test_the_schema_is_the_shipped_one(golden: Callable[[Path, bytes], None]) -> None:
    golden(SCHEMA, schema_bytes())


def test_documents_follow_the_schema() -> None:
    schema = json.loads(SCHEMA.read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    for each, code in ((FULL, 2), (plan(), 0)):
        built = document(each)
        assert built["exit_code"] == code
        validator.validate(json.loads(msgspec.json.encode(built)))
    wrong = document(FULL) | {"exit_code": 1}
    assert not validator.is_valid(json.loads(msgspec.json.encode(wrong)))


@given(hostile_plans())
@settings(max_examples=30, deadline=None)
def test_hostile_documents_follow_the_schema(hostile: Plan) -> None:
    validator = jsonschema.Draft202012Validator(json.loads(schema_bytes()))
    validator.validate(json.loads(msgspec.json.encode(document(hostile))))
