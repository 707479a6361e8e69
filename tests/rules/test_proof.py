"""What a record of a consent is worth: from vectors, and the laws between them."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailconsent.model import Grade, Reason
from mailconsent.proof import PROVING, REQUIRED, Route, form_name, judge
from tests.histories import TOPICS, decided, history, notations

VECTORS = tomllib.loads((Path(__file__).parent.parent / "vectors" / "proof.toml").read_text("utf-8"))
WHOLE = VECTORS.pop("whole")
CASES = [(group["clause"], case) for group in VECTORS.values() for case in group["cases"]]
FIELDS = {"route", "without", "with", "grade", "missing", "against", "why"}
ROUTES = st.sampled_from(Route)
NAMES = sorted({*PROVING, *(name for names in REQUIRED.values() for name in names)})
VALUES = ("", " ", "yes", "no", "checked", "unchecked", "form", "badge", "POST", "GET", "phone", "import", "A")
EVIDENCE = st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=5), st.sampled_from(VALUES))


def judged(case):
    without = case.get("without", [])
    evidence = WHOLE[case["route"]] | case.get("with", {})
    route = None if case["route"] == "free" else Route(case["route"])
    said = {name: text for name, text in evidence.items() if name not in without}
    return judge(route, said, notice="notice" not in without, timed="occurred_at" not in without)


def title(case):
    return f"{case['route']} - {case.get('without', '')} + {case.get('with', '')}"


@pytest.mark.parametrize(("clause", "case"), [pytest.param(*pair, id=title(pair[1])) for pair in CASES])
def test_a_record_is_worth_what_the_law_says(clause, case):
    proof = judged(case)

    why = f"{case['why']} ({clause})"
    assert proof.grade == case["grade"], why
    assert list(proof.missing) == case.get("missing", []), why
    said = case.get("against", [])
    assert len(proof.against) == len(said), why
    assert all(word in sentence for word, sentence in zip(said, proof.against, strict=True)), why


def test_the_vectors_are_whole_and_tell_each_case_once():
    assert len(CASES) >= 60
    assert all(set(case) <= FIELDS and case["why"] for _, case in CASES)
    assert set(WHOLE) == {*Route, "free"}
    assert len({title(case) for _, case in CASES}) == len(CASES)
    assert {case["grade"] for _, case in CASES} == {"B", "C", "D"}


@pytest.mark.parametrize("route", Route)
def test_each_thing_that_a_route_asks_for_is_missed_by_its_name(route):
    for name in ("withdrawal_told", *REQUIRED[route]):
        proof = judged({"route": route.value, "without": [name]})

        assert proof.grade is Grade.C
        assert any(missing.split()[0] == name for missing in proof.missing)


@given(st.none() | ROUTES, EVIDENCE, st.booleans(), st.booleans())
def test_nothing_told_from_outside_is_confirmed(route, evidence, notice, timed):
    proof = judge(route, evidence, notice=notice, timed=timed)

    assert proof.grade > Grade.A
    assert (proof.grade is Grade.B) == (not proof.missing and not proof.against)


@given(ROUTES, EVIDENCE, st.sampled_from(NAMES), st.booleans(), st.booleans())
def test_a_record_gets_no_better_by_losing_something(route, evidence, name, notice, timed):
    whole = judge(route, evidence, notice=notice, timed=timed)
    less = judge(route, {n: t for n, t in evidence.items() if n != name}, notice=notice, timed=timed)

    if not whole.against:  # which is what the record says of itself
        assert less.grade >= whole.grade


@given(notations(), st.lists(st.tuples(st.none() | ROUTES, EVIDENCE), min_size=1, max_size=4), st.sampled_from(TOPICS))
def test_no_record_of_any_route_lifts_an_opt_out(notation, records, topic):
    before = decided(history(notation), topic)
    claims = [f"{judge(route, said, notice=True, timed=True).grade}{topic}" for route, said in records]

    after = decided(history(" ".join((notation, *claims))), topic)

    if before.reason not in (Reason.CONSENT, Reason.NO_LEGAL_BASIS):
        assert after == before


@given(notations(), st.lists(st.sampled_from("CD"), min_size=1, max_size=4), st.sampled_from(TOPICS))
def test_records_with_gaps_make_nobody_mailable(notation, grades, topic):
    before = decided(history(notation), topic)

    after = decided(history(" ".join((notation, *(f"{grade}{topic}" for grade in grades)))), topic)

    assert after == before


@pytest.mark.parametrize(
    ("form", "name", "why"),
    [
        ("footer-2", "footer-2", "a name"),
        (" /newsletter ", "/newsletter", "a path"),
        ("anna@example.com", None, "an address never stands in an event"),
        ("the form in the footer", None, "nor does prose"),
        ("x" * 65, None, "nor something long"),
        ("", None, "nothing"),
    ],
)
def test_an_event_names_a_form_only_by_what_is_a_name(form, name, why):
    assert form_name({"form": form}) == name, why
