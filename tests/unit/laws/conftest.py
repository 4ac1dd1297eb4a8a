"""Names the files that near the limit of length, without failing anybody for them."""

import pytest

_LONG_FILES = pytest.StashKey[list[str]]()


@pytest.fixture
def long_files(request):
    return request.config.stash.setdefault(_LONG_FILES, [])


def pytest_terminal_summary(terminalreporter, config):
    for line in config.stash.get(_LONG_FILES, []):
        terminalreporter.write_line(f"growing long: {line}", yellow=True)
