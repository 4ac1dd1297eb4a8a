"""The page about workloads is true: its manifests and commands, taken as they stand, on real containers."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

pytestmark = [pytest.mark.kubectl, pytest.mark.linux]
PAGE = (Path(__file__).parents[3] / "docs" / "workloads.md").read_text()
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)
SECTIONS = {part.partition("\n")[0]: part for part in PAGE.split("\n## ")[1:]}
SPACE = "documents"


def steps(console):
    """Every command with what it is to say."""
    for step in re.split(r"^\$ ", console, flags=re.MULTILINE)[1:]:
        command, _, said = step.partition("\n")
        yield shlex.split(command), said


def matches(expected, said):
    """`...` stands for anything; blanks at the ends of lines do not count."""
    trim = lambda text: "\n".join(line.rstrip() for line in text.strip().splitlines())  # noqa: E731
    parts = map(re.escape, trim(expected).split("..."))
    return re.fullmatch(".*".join(parts), trim(said), re.DOTALL)


@pytest.fixture
def space(kubectl):
    kubectl("create", "namespace", SPACE)
    yield SPACE
    kubectl("delete", "namespace", SPACE, "--wait")


@pytest.mark.parametrize("title", SECTIONS)
def test_what_the_page_shows_is_what_happens(title, kubectl, space, tmp_path):
    ran = 0
    for language, text in BLOCK.findall(SECTIONS[title]):
        if language == "yaml":
            name = text.partition("\n")[0].removeprefix("# ")
            (tmp_path / name).write_text(text)
            continue
        assert language == "console"
        for (program, *words), expected in steps(text):
            assert program == "kubectl"
            files = [str(tmp_path / word) if word.endswith(".yaml") else word for word in words]
            said = kubectl(files[0], "-n", space, *files[1:])
            assert matches(expected, said), f"{words}: {said}"
            ran += 1
    assert ran >= 4


def test_the_comparison_can_fail():
    assert matches("a\n...\nz", "a\nb\nc\nz\n")
    assert not matches("a", "a\nb")
    assert not matches("a...", "b")
