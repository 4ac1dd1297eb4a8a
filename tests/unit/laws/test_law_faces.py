"""A package's public face is what its `__all__` says, no more and no less; and modules are named for what they do."""

import ast
import importlib
from pathlib import PurePosixPath

from law_sources import ROOT, Source, sources

VAGUE = {"utils", "util", "helpers", "helper", "common", "misc", "base", "shared", "stuff"}


def faces():
    for source in sources():
        if PurePosixPath(source.name).name == "__init__.py":
            listed = _listed(source)
            if listed is not None:
                yield source, listed


def _listed(source: Source) -> list[str] | None:
    for node in source.tree.body:
        if isinstance(node, ast.Assign) and any(
            getattr(target, "id", "") == "__all__" for target in node.targets
        ):
            value = node.value
            return (
                None if not isinstance(value, (ast.List, ast.Tuple)) else [each.value for each in value.elts]
            )
    return None


def _imported(source: Source) -> set[str]:
    return {
        alias.asname or alias.name
        for node in source.tree.body
        if isinstance(node, ast.ImportFrom) and node.level and node.module
        for alias in node.names
    }


def module_name(source: Source) -> str:
    parts = PurePosixPath(source.name).with_suffix("").parts
    return ".".join(("podling", *parts)).removesuffix(".__init__")


def test_what_a_face_lists_is_there():
    for source, listed in faces():
        module = importlib.import_module(module_name(source))
        missing = [name for name in listed if not hasattr(module, name)]
        assert not missing, f"{module_name(source)} lists {missing}, which are not there"


def _is_mere_face(source: Source) -> bool:
    """Whether the module only gathers names from its package and does nothing itself."""
    return all(isinstance(node, (ast.ImportFrom, ast.Assign, ast.Expr)) for node in source.tree.body)


def test_a_face_lists_all_that_it_gathers():
    for source, listed in faces():
        if not _is_mere_face(source):
            continue
        unlisted = {name for name in _imported(source) if not name.startswith("_")} - set(listed)
        assert not unlisted, f"{module_name(source)} imports {sorted(unlisted)} and does not list them"


def test_modules_are_named_for_what_they_do():
    vague = [
        source.name for source in sources() if VAGUE & set(PurePosixPath(source.name).with_suffix("").parts)
    ]
    assert not vague


def test_no_work_is_left_marked_in_the_sources():
    marks = [
        f"src/podling/{source.name}:{number}"
        for source in sources()
        for number, line in enumerate(source.lines, 1)
        if any(mark in line for mark in ("TODO", "FIXME", "XXX"))
    ]
    assert not marks


def test_no_product_module_leans_on_the_test_kit():
    leaning = [
        f"{source.name} imports {name}"
        for source in sources()
        if not source.name.startswith(("testing/", "pytest_plugin.py"))
        for name in source.imports().values()
        if name.startswith(("podling.testing", "pytest", "hypothesis"))
    ]
    assert not leaning
    assert (ROOT / "src" / "podling" / "testing").is_dir()
