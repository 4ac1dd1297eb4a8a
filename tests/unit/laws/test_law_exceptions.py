"""Whoever catches everything raises it again or says in a comment why nobody else could deal with it."""

import ast

import pytest
from law_sources import Source, sources

BROAD = {"Exception", "BaseException"}
REASON = 15
"""Characters that a reason has at least."""


def unexplained(source: Source):
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ExceptHandler) and _is_broad(node) and not _raises_again(node):
            comment = "".join(
                line.partition("#")[2] for line in source.lines[node.lineno - 1 : node.body[0].lineno]
            )
            if len(comment.replace("noqa: BLE001", "").strip(" -")) < REASON:
                yield f"{source.where(node)} catches everything and says no reason"


def _is_broad(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    named = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(isinstance(each, ast.Name) and each.id in BROAD for each in named)


def _raises_again(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    return isinstance(last, ast.Raise)


def test_catching_everything_has_a_reason():
    assert not [line for source in sources() for line in unexplained(source)]


@pytest.mark.parametrize(
    "text",
    [
        "try: f()\nexcept Exception: pass",
        "try: f()\nexcept: pass",
        "try: f()\nexcept (OSError, BaseException):\n    pass  # no",
    ],
)
def test_the_law_finds_silent_catches(text):
    assert [*unexplained(Source("x.py", text))]


@pytest.mark.parametrize(
    "text",
    [
        "try: f()\nexcept Exception:\n    g()\n    raise",
        "try: f()\nexcept Exception:  # noqa: BLE001 - the outermost frame, nobody is above\n    g()",
        "try: f()\nexcept OSError: pass",
    ],
)
def test_the_law_lets_explained_and_narrow_ones_pass(text):
    assert not [*unexplained(Source("x.py", text))]
