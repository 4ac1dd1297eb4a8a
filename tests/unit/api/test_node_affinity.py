"""Whether a node is among those that a Pod allows.  Cases: API reference, NodeSelectorRequirement."""

import pytest

from podling.api import pod as pods
from podling.api.types import core_v1

LABELS = {"disk": "ssd", "size": "7"}


def requirement_of(key, operator, values=None):
    return core_v1.NodeSelectorRequirement(key=key, operator=operator, values=values)


def spec(*terms):
    selector = core_v1.NodeSelector(
        node_selector_terms=[
            core_v1.NodeSelectorTerm(
                match_expressions=[requirement_of(*one) for one in expressions],
                match_fields=[requirement_of(*one) for one in fields],
            )
            for expressions, fields in terms
        ]
    )
    affinity = core_v1.NodeAffinity(required_during_scheduling_ignored_during_execution=selector)
    return core_v1.PodSpec(affinity=core_v1.Affinity(node_affinity=affinity))


@pytest.mark.parametrize(
    ("requirement", "fits"),
    [
        (("disk", "In", ["ssd", "nvme"]), True),
        (("disk", "In", ["hdd"]), False),
        (("none", "In", ["x"]), False),
        (("disk", "NotIn", ["ssd"]), False),
        (("none", "NotIn", ["x"]), True),
        (("disk", "Exists"), True),
        (("none", "Exists"), False),
        (("none", "DoesNotExist"), True),
        (("size", "Gt", ["6"]), True),
        (("size", "Gt", ["7"]), False),
        (("size", "Lt", ["8"]), True),
        (("disk", "Gt", ["6"]), False),
        (("none", "Lt", ["6"]), False),
    ],
)
def test_an_expression_holds_or_not(requirement, fits):
    assert pods.allows_node(spec(([requirement], [])), name="n", labels=LABELS) is fits


def test_terms_are_alternatives_and_an_empty_one_matches_nothing():
    wrong, right = ("disk", "In", ["hdd"]), ("metadata.name", "In", ["n"])
    assert pods.allows_node(spec(([wrong], []), ([], [right])), name="n", labels=LABELS)
    assert not pods.allows_node(spec(([wrong], [right])), name="n", labels=LABELS)
    assert not pods.allows_node(spec(([], [])), name="n", labels=LABELS)


def test_a_selector_must_match_too():
    asked = spec(([("disk", "Exists")], []))
    asked.node_selector = {"size": "8"}
    assert not pods.allows_node(asked, name="n", labels=LABELS)
    assert pods.allows_node(core_v1.PodSpec(), name="n", labels={})
