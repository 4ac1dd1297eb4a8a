"""The conformance suite of the runtime interface: the promises of ``runtime.interface`` as tests.

``LifecycleSuite`` holds what every runtime must do; ``ShellSuite`` adds what a runtime of real processes must do, with
the built-in busybox image.  An implementation is put under them by one class::

    class TestMyRuntime(ShellSuite):
        @pytest.fixture
        async def world(self, tmp_path):
            yield World(runtime=..., image=..., logs=tmp_path / "logs", restart=...)

A runtime that cannot do a thing says so in ``lacks``; its own tests then show that it refuses.  A runtime without real
processes overrides ``program``, which says how a container behaves.
"""

from .lifecycle import LifecycleSuite
from .shell import ShellSuite
from .world import LIMIT, Watcher, World

__all__ = ["LIMIT", "LifecycleSuite", "ShellSuite", "Watcher", "World"]
