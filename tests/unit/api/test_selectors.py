"""Label and field selectors: grammar, words and matches of k8s.io/apimachinery/pkg/labels and pkg/fields."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podling.api import kinds, selectors
from podling.api.selectors import SelectorError
from podling.api.types.core_v1 import NodeSelectorRequirement
from podling.api.types.meta_v1 import LabelSelector, LabelSelectorRequirement


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("x=a,y=b,z=c", "x=a,y=b,z=c"),
        ("", ""),
        ("x!=a,y=b", "x!=a,y=b"),
        ("x=", "x="),
        ("x= ,z= ", "x=,z="),
        ("z notin (b,a) , x", "x,z notin (a,b)"),
        ("!x", "!x"),
        ("x>1,y<2", "x>1,y<2"),
        ("x in ()", "x in ()"),
        ("x in (a,,b)", "x in (,a,b)"),
        ("in in (in)", "in in (in)"),
        ("x==a", "x==a"),
        ("a.b/c in (1)", "a.b/c in (1)"),
    ],
)
def test_what_can_be_read_prints_in_canonical_form(text: str, canonical: str) -> None:
    # labels/selector_test.go, TestSelectorParse and TestRequirementConstructor
    assert str(selectors.parse_labels(text)) == canonical


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x==a==b", "found '==', expected: ',' or 'end of string'"),
        ("!x=a", "found '=', expected: ',' or 'end of string'"),
        ("x<a", "values[0]: Invalid value: \"a\": for 'Gt', 'Lt' operators, the value must be an integer"),
        (",x", "found ',', expected: !, identifier, or 'end of string'"),
        ("x,", "found '', expected: identifier after ','"),
        ("x in a", "found 'a' expected: '('"),
        ("x in (a", "found '', expected: ',' or ')'"),
        ("x y", "unable to parse requirement: found 'y', expected: in, notin, =, ==, !=, gt, lt"),
        ("a/b/c=d", 'unable to parse requirement: <nil>: Invalid value: "a/b/c": a valid label key must'),
        ("x=-a", 'unable to parse requirement: values[0][x]: Invalid value: "-a": a valid label must be'),
    ],
)
def test_what_cannot_be_read_is_told_in_upstreams_words(text: str, message: str) -> None:
    with pytest.raises(SelectorError) as caught:
        selectors.parse_labels(text)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "labels", "wanted"),
    [
        ("", {}, True),
        ("x=y", {"x": "y"}, True),
        ("x=y,z=w", {"x": "y", "z": "w"}, True),
        ("x=y,z=w", {"x": "y", "z": "v"}, False),
        ("x!=y,z!=w", {"x": "z", "z": "a"}, True),
        ("x!=y", {}, True),
        ("notin=in", {"notin": "in"}, True),
        ("x", {"x": "z"}, True),
        ("!x", {"y": "z"}, True),
        ("x>1", {"x": "2"}, True),
        ("x<1", {"x": "0"}, True),
        ("x>1", {"x": "a"}, False),
        ("x>1", {}, False),
        ("x=z", {}, False),
        ("x in (a,b)", {"x": "b"}, True),
        ("x in (a,b)", {"x": "c"}, False),
        ("x notin (a,b)", {"x": "c"}, True),
        ("x notin (a,b)", {}, True),
        ("x=,y=b", {"x": "", "y": "b"}, True),
    ],
)
def test_matching(text: str, labels: dict[str, str], *, wanted: bool) -> None:
    assert selectors.parse_labels(text).matches(labels) is wanted
    if not labels:
        assert selectors.parse_labels(text).matches(None) is wanted


def test_no_struct_selects_nothing_and_an_empty_one_everything() -> None:
    assert selectors.from_struct(None).is_nothing
    assert selectors.from_struct(LabelSelector()).is_everything
    assert not selectors.from_struct(None).matches({"a": "b"})


def test_a_struct_joins_pairs_and_expressions() -> None:
    expression = LabelSelectorRequirement(key="tier", operator="NotIn", values=["db"])
    selector = selectors.from_struct(
        LabelSelector(match_labels={"app": "web"}, match_expressions=[expression])
    )
    assert str(selector) == "app=web,tier notin (db)"
    assert selector.matches({"app": "web"})
    assert not selector.matches({"app": "web", "tier": "db"})


def test_a_structs_operator_must_be_one_of_four() -> None:
    bad = LabelSelector(match_expressions=[LabelSelectorRequirement(key="a", operator="Gt", values=["1"])])
    with pytest.raises(SelectorError, match='"Gt" is not a valid label selector operator'):
        selectors.from_struct(bad)


def test_node_terms_may_compare_numbers() -> None:
    term = selectors.from_node_requirements(
        [NodeSelectorRequirement(key="cores", operator="Gt", values=["3"])]
    )
    assert term.matches({"cores": "4"})
    assert not term.matches({"cores": "3"})
    with pytest.raises(SelectorError, match="exactly one value is required"):
        selectors.from_node_requirements([NodeSelectorRequirement(key="cores", operator="Lt", values=[])])


def test_the_value_that_a_key_must_have_is_known() -> None:
    selector = selectors.parse_labels("a=1,b in (2),c in (3,4),d!=5")
    assert [selector.exact(key) for key in "abcd"] == ["1", "2", None, None]


def test_a_set_is_all_of_its_pairs() -> None:
    assert selectors.from_set({"b": "2", "a": "1"}).matches({"a": "1", "b": "2", "c": "3"})
    assert selectors.from_set({}).is_everything


KEYS = st.sampled_from(["a", "b", "c"])
LABELS = st.dictionaries(KEYS, st.sampled_from(["1", "2"]))


@given(st.lists(st.tuples(KEYS, st.sampled_from(["1", "2"])), min_size=1), LABELS)
def test_the_compiled_match_agrees_with_the_plain_one(
    pairs: list[tuple[str, str]], labels: dict[str, str]
) -> None:
    selector = selectors.parse_labels(",".join(f"{key}={value}" for key, value in pairs))
    assert selector.matches(labels) == all(labels.get(key) == value for key, value in pairs)


def test_fields_are_compared_as_text() -> None:
    selector = selectors.parse_fields("status.phase!=Running,spec.nodeName=a")
    assert str(selector) == "spec.nodeName=a,status.phase!=Running"
    assert selector.matches({"spec.nodeName": "a", "status.phase": "Pending"})
    assert not selector.matches({"spec.nodeName": "a", "status.phase": "Running"})
    assert selector.exact("spec.nodeName") == "a"
    assert selector.exact("status.phase") is None


def test_a_missing_field_is_empty() -> None:
    assert selectors.parse_fields("spec.nodeName=").matches({})
    assert selectors.parse_fields("").is_everything


@pytest.mark.parametrize(
    ("text", "value"), [(r"a=b\,c", "b,c"), (r"a=b\=c", "b=c"), (r"a=b\\", "b\\"), ("a==b", "b")]
)
def test_values_may_be_escaped(text: str, value: str) -> None:
    assert selectors.parse_fields(text).exact("a") == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a", "invalid selector: 'a'; can't understand 'a'"),
        ("a=b,c", "invalid selector: 'a=b,c'; can't understand 'c'"),
        (r"a=b\d", r"invalid field selector: invalid escape sequence: \d"),
        ("a=b=c", "invalid field selector: unescaped character in value: 61"),
    ],
)
def test_what_is_no_field_selector_is_refused(text: str, message: str) -> None:
    with pytest.raises(SelectorError) as caught:
        selectors.parse_fields(text)
    assert str(caught.value) == message


def test_only_a_kinds_own_fields_may_be_asked_for() -> None:
    selectors.parse_fields("spec.nodeName=a,metadata.name=b").check(kinds.POD)
    with pytest.raises(SelectorError, match=r"field label not supported: spec\.host"):
        selectors.parse_fields("spec.host=a").check(kinds.POD)
    only = '"spec.nodeName" is not a known field selector: only "metadata.name", "metadata.namespace"'
    with pytest.raises(SelectorError, match=only):
        selectors.parse_fields("spec.nodeName=a").check(kinds.SERVICE_ACCOUNT)
