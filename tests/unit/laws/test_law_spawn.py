"""Processes start only by `aio.spawn`: anything else stalls the event loop while the kernel copies our page tables."""

import ast

import pytest
from law_sources import Source, dotted, sources

FORBIDDEN = {
    "os.fork",
    "os.forkpty",
    "os.popen",
    "os.posix_spawn",
    "os.posix_spawnp",
    "os.spawnl",
    "os.spawnv",
    "os.spawnve",
    "os.system",
    "pty.fork",
    "pty.spawn",
    "subprocess.Popen",
    "subprocess.call",
    "subprocess.check_call",
    "subprocess.check_output",
    "subprocess.getoutput",
    "subprocess.run",
    "asyncio.create_subprocess_exec",
    "asyncio.create_subprocess_shell",
    ".subprocess_exec",
    ".subprocess_shell",
    "multiprocessing.Process",
    "concurrent.futures.ProcessPoolExecutor",
}
ALLOWED = {
    "aio/spawn.py": "this is it",
    "cluster/background.py": "the command line starts the cluster's process: there is no loop yet, and no heap to copy",
    "runtime/process/supervisor/child.py": "a small process of its own, without a loop, that must run code between fork and exec",
}


def starts(source: Source):
    bound = source.imports()
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and dotted(node.func, bound) in FORBIDDEN:
            yield f"{source.where(node)} calls {dotted(node.func, bound)}"


def test_processes_start_by_aio_spawn_only():
    assert not [line for source in sources() if source.name not in ALLOWED for line in starts(source)]


def test_every_exception_is_still_needed():
    named = {source.name: source for source in sources()}
    idle = [name for name in ALLOWED if name not in named or not [*starts(named[name])]]
    assert not idle


@pytest.mark.parametrize(
    "text",
    [
        "import subprocess\nsubprocess.run(['x'])",
        "from subprocess import Popen as P\nP(['x'])",
        "import asyncio\nasyncio.create_subprocess_exec('x')",
        "loop.subprocess_exec(f, 'x')",
        "import os\nos.fork()",
    ],
)
def test_the_law_finds_other_ways(text):
    assert [*starts(Source("x.py", text))]
