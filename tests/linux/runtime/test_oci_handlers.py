"""crun and runc side by side on one node: a RuntimeClass's handler says which of them runs a Pod."""

import pytest
from oci_world import Machine

from podling.runtime.interface import Unsupported
from podling.testing.runtime_suite import ShellSuite


class TestHandlers:
    @pytest.fixture
    async def machine(self, tmp_path):
        return Machine(tmp_path)

    async def test_each_pod_is_run_by_its_handler_and_found_again(self, machine):
        suite = ShellSuite()
        async with machine.world() as world:
            assert world.runtime.info().handlers == ("", "crun", "runc")
            found = {}
            for handler in ("", "runc"):
                box = await world.runtime.run_sandbox(
                    suite.sandbox_config(world, f"pod{handler}"), handler=handler
                )
                found[handler] = await suite.running(world, box)
            of_crun, of_runc = found.values()

            async def nothing(): ...

            await world.restart(nothing)
            run = machine.config.run
            assert (run / of_runc / "state.json").exists()
            assert not (run / of_crun / "state.json").exists()
            for container in found.values():
                filters = await suite.shell(world, container, "grep Seccomp: /proc/self/status")
                assert filters.split() == ["Seccomp:", "2"]
                async with world.runtime.exec(
                    container, ["sh", "-c", "exit 5"], stdin=False, tty=True
                ) as stream:
                    assert await stream.wait() == 5

    async def test_a_filter_that_crun_compiled_is_not_handed_to_runc(self, machine):
        """runc does not know crun's form of it, and would run the container without any."""
        suite = ShellSuite()
        async with machine.world() as world:
            for number, handler in enumerate(("crun", "crun", "runc")):
                box = await world.runtime.run_sandbox(
                    suite.sandbox_config(world, f"pod{number}"), handler=handler
                )
                container = await suite.running(world, box)
                filters = await suite.shell(world, container, "grep Seccomp: /proc/1/status")
                assert filters.split() == ["Seccomp:", "2"]

    async def test_a_handler_that_is_not_there_is_refused(self, machine):
        async with machine.world() as world:
            with pytest.raises(
                Unsupported, match="runtime handler 'kata': this node has only oci, crun, runc"
            ):
                await world.runtime.run_sandbox(ShellSuite().sandbox_config(world), handler="kata")
