"""The product's sources as syntax trees, read once; and what the laws look for in them."""

import ast
import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PRODUCT = ROOT / "src" / "podling"
GENERATED = ("api/types/",)


@dataclass(frozen=True)
class Source:
    """One module. `name` is its path below the package: `agent/podstate.py`."""

    name: str
    text: str

    @functools.cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.name)

    @functools.cached_property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    def where(self, node: ast.AST) -> str:
        return f"src/podling/{self.name}:{node.lineno}"

    def imports(self) -> dict[str, str]:
        """Name bound in the module -> dotted name of what it is, wherever in the module it is imported."""
        found = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    found[alias.asname or alias.name.partition(".")[0]] = (
                        alias.name if alias.asname else alias.name.partition(".")[0]
                    )
            elif isinstance(node, ast.ImportFrom) and not node.level:
                for alias in node.names:
                    found[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        return found

    def calls(self) -> Iterator[tuple[ast.Call, str]]:
        """Every call with the dotted name of what is called, aliases resolved: `subprocess.Popen`, `.create_task`, `open`."""
        bound = self.imports()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call):
                yield node, dotted(node.func, bound)


def dotted(node: ast.expr, bound: dict[str, str]) -> str:
    """`time.sleep` for a name known from imports; `.connect` for a method of something unknown; "" for anything else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    parts.reverse()
    if isinstance(node, ast.Name):
        if node.id in bound:
            return ".".join((bound[node.id], *parts))
        return node.id if not parts else "." + parts[-1]
    return "." + parts[-1] if parts else ""


@functools.cache
def sources() -> tuple[Source, ...]:
    """All modules written by hand, in order of their names."""
    found = []
    for path in sorted(PRODUCT.rglob("*.py")):
        name = path.relative_to(PRODUCT).as_posix()
        if not name.startswith(GENERATED):
            found.append(Source(name, path.read_text()))
    return tuple(found)


def matching(*patterns: str) -> list[Source]:
    """The modules whose name matches one of these regular expressions, from its start."""
    return [source for source in sources() if any(re.match(pattern, source.name) for pattern in patterns)]
