"""`$(VAR)` references: cases of k8s.io/kubernetes/third_party/forked/golang/expansion/expand_test.go."""

from __future__ import annotations

import pytest

from podling.api.expansion import expand

VARIABLES = {"VAR_A": "A", "VAR_B": "B", "VAR_C": "C", "VAR_REF": "$(VAR_A)", "VAR_EMPTY": ""}


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("", ""),
        ("$(VAR_A)", "A"),
        ("___$(VAR_B)___", "___B___"),
        ("$(VAR_A)-$(VAR_A)", "A-A"),
        ("$(VAR_REF)-1", "$(VAR_A)-1"),
        ("$$(VAR_A)", "$(VAR_A)"),
        ("$$$(VAR_A)", "$A"),
        ("$$$$(VAR_A)", "$$(VAR_A)"),
        ("$VAR_A", "$VAR_A"),
        ("$VAR_A$(VAR_A)", "$VAR_AA"),
        ("foo$(VAR_Awhoops!", "foo$(VAR_Awhoops!"),
        ("f00__(VAR_A)__", "f00__(VAR_A)__"),
        ("$?_boo_$!", "$?_boo_$!"),
        ("$(MISSING)", "$(MISSING)"),
        ("foo$(VAR_EMPTY)bar", "foobar"),
        ("$(VAR_A", "$(VAR_A"),
        ("$", "$"),
        ("a$", "a$"),
        ("$()", "$()"),
        ("$(VAR_A)$(VAR_B", "A$(VAR_B"),
    ],
)
def test_references_are_replaced(text: str, expanded: str) -> None:
    assert expand(text, VARIABLES) == expanded
