"""Files and functions stay small enough to be read at once. What nears the limit is named at the end of the run."""

import ast

from law_sources import sources

FILE_LINES = 600
FILE_LINES_WARN = 400
FUNCTION_LINES = 60


def test_no_file_is_longer_than_600_lines(long_files):
    too_long = []
    for source in sources():
        lines = len(source.lines)
        if lines > FILE_LINES:
            too_long.append(f"src/podling/{source.name}: {lines} lines")
        elif lines > FILE_LINES_WARN:
            long_files.append(f"src/podling/{source.name}: {lines} lines")
    assert not too_long


def test_no_function_is_longer_than_60_lines():
    too_long = []
    for source in sources():
        for node in ast.walk(source.tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                lines = node.end_lineno - node.lineno + 1
                if lines > FUNCTION_LINES:
                    too_long.append(f"{source.where(node)} {node.name}: {lines} lines")
    assert not too_long
