"""Documents stay true: links lead somewhere, packages are described, every module says why it exists."""

import ast
import re
from pathlib import Path

import pytest
from law_sources import PRODUCT, ROOT, sources

DOCUMENTS = sorted(
    path.relative_to(ROOT).as_posix() for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"))
)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s#]+)(?:#[^)]*)?\)")
LONGEST_OPENING = 60


def test_every_module_opens_with_why_it_exists():
    silent = [source.name for source in sources() if not ast.get_docstring(source.tree)]
    assert not silent


def test_an_opening_is_an_opening():
    long_winded = [
        source.name
        for source in sources()
        if len((ast.get_docstring(source.tree) or "").splitlines()) > LONGEST_OPENING
    ]
    assert not long_winded


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_between_documents_lead_somewhere(document):
    path = ROOT / document
    targets = [target for target in LINK.findall(path.read_text()) if "://" not in target]
    broken = [target for target in targets if not (path.parent / target).exists()]
    assert not broken


def test_the_architecture_page_names_every_package():
    page = ROOT / "docs" / "architecture.md"
    packages = [path.name for path in sorted(PRODUCT.iterdir()) if (path / "__init__.py").exists()]
    text = page.read_text()
    assert not [name for name in packages if not re.search(rf"`(podling[./])?{name}/?`", text)]


def test_commands_in_the_readme_exist():
    text = (ROOT / "README.md").read_text()
    named = set(
        re.findall(r"podling ([a-z]+)\b", "\n".join(re.findall(r"```\w*\n(.*?)```", text, re.DOTALL)))
    )
    commands = {path.stem for path in Path(PRODUCT / "cli").glob("*.py")}
    assert not named - commands - {"start", "image"}


def test_make_targets_in_the_readme_exist():
    text = (ROOT / "README.md").read_text()
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert not set(re.findall(r"\bmake ([a-z][a-z-]+)\b", text)) - targets
