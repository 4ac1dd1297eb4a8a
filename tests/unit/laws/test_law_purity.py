"""What decides is pure: no waiting, no clock, no dice, no doors to the outside. Those come in as arguments."""

import ast

import pytest
from law_sources import Source, dotted, matching

PURE = (
    r"api/",
    r".*/validation(/|\.py)",
    r".*/defaults(/|\.py)",
    r"scheduler/(cycle|snapshot|plugins)(/|\.py)",
    r"agent/podstate(/|\.py)",
    r"network/(ipam|rules|dns)\.py",
    r"aio/backoff\.py",
    r"cluster/nodes\.py",
    r"apiserver/usage/(samples|rates)\.py",
    r"controllers/horizontalpodautoscaler/(arithmetic|draft|grouping|pace)\.py",
    r"agent/server/(cadvisor|configz|procfs|reading|resource|summary)\.py",
)
FORBIDDEN_MODULES = (
    "asyncio",
    "concurrent",
    "http",
    "logging",
    "multiprocessing",
    "os",
    "pathlib",
    "queue",
    "secrets",
    "select",
    "selectors",
    "shutil",
    "signal",
    "socket",
    "ssl",
    "subprocess",
    "tempfile",
    "threading",
    "time",
    "uuid",
    "urllib.request",
    "aiohttp",
    "uvloop",
    "pyroute2",
)
FORBIDDEN_CALLS = {
    "open",
    "print",
    "input",
    "datetime.datetime.now",
    "datetime.datetime.utcnow",
    "datetime.datetime.today",
    "datetime.date.today",
}
HARMLESS = {"random.Random", "sys.intern", "sys.maxsize"}


def impurities(source: Source):
    bound = source.imports()
    for name in bound.values():
        if any(name == m or name.startswith(m + ".") for m in FORBIDDEN_MODULES):
            yield f"src/podling/{source.name} imports {name}"
    for node in ast.walk(source.tree):
        if isinstance(node, (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith)):
            yield f"{source.where(node)} waits"
        elif isinstance(node, ast.Call):
            called = dotted(node.func, bound)
            if called in FORBIDDEN_CALLS:
                yield f"{source.where(node)} calls {called}"
        elif isinstance(node, ast.Attribute):
            used = dotted(node, bound)
            if used.startswith(("random.", "sys.")) and used not in HARMLESS:
                yield f"{source.where(node)} uses the global {used}"


def test_pure_modules_are_pure():
    assert not [line for source in matching(*PURE) for line in impurities(source)]


def test_the_list_of_pure_modules_means_something():
    for pattern in PURE:
        if not matching(pattern):
            pytest.fail(f"no module matches {pattern}")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import asyncio", "imports asyncio"),
        ("from os.path import exists", "imports os.path.exists"),
        ("async def f(): ...", "waits"),
        ("from datetime import datetime\ndatetime.now()", "calls datetime.datetime.now"),
        ("import random\nrandom.choice([1])", "global random.choice"),
        ("open('x')", "calls open"),
        ("import sys\nsys.argv", "global sys.argv"),
    ],
)
def test_the_law_finds_what_it_forbids(text, words):
    assert any(words in line for line in impurities(Source("x.py", text)))


def test_a_seeded_random_may_be_named():
    text = "from random import Random\nimport random\ndef f(r: Random, q: random.Random): return r.random()"
    assert not [*impurities(Source("x.py", text))]
