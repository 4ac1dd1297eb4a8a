"""Thousands of made-up requests: nothing breaks the server, what it takes it takes again, and patches do what they are specified to do.

In every run some 5,000, always the same; among the long tests FUZZ of them (100,000). What fails is made smaller by hypothesis and told with its
request; in a long run `FUZZ_SEED=n FUZZ=1` tries seed n again.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import fuzz_objects
import fuzz_patches
import fuzz_requests
import pytest
from fuzz_values import STORED
from fuzz_world import EVE, World
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

INPUTS = int(os.environ.get("FUZZ", "100000"))
FIRST_SEED = int(os.environ.get("FUZZ_SEED", "0"))
VISITS = 200
"""Requests that one seed sends one after the other."""

EVERYTHING_FOR_EVE = {
    "metadata": {"name": "eve"},
    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
    "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "eve"}],
}
Property = Callable[[World, Random], object]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with World(tmp_path_factory.mktemp("fuzz")) as made:
        yield made


def explore(world: World, holds: Property, *, examples: int) -> int:
    """Try a property that many times; how many requests that were."""
    before = world.sent

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(st.randoms(use_true_random=False))
    def run(chance: Random) -> None:
        holds(world, chance)

    run()
    return world.sent - before


def living(world: World, chance: Random) -> None:
    fuzz_objects.live(world, chance.choice(world.rows), chance)


def patching(world: World, chance: Random) -> None:
    fuzz_patches.compare(world, chance.choice(world.rows), chance)


def visiting(world: World, chance: Random) -> None:
    names = fuzz_requests.furnish(world)
    for _ in range(VISITS):
        world.together([fuzz_requests.made_up(names, chance)])


def test_what_is_taken_reads_back_and_is_taken_again(world):
    assert explore(world, living, examples=150) >= 1500


def test_patches_do_what_their_specifications_say(world):
    assert explore(world, patching, examples=150) >= 1000


def test_no_request_breaks_the_server(world):
    names = fuzz_requests.furnish(world)

    def asking(world: World, chance: Random) -> None:
        world.together([fuzz_requests.made_up(names, chance)])

    assert explore(world, asking, examples=2000) >= 2000


def test_many_requests_at_once_on_few_seats_are_all_answered(tmp_path):
    with World(tmp_path, max_reads_in_flight=2, max_writes_in_flight=1) as world:
        names = fuzz_requests.furnish(world)
        world.call("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", EVERYTHING_FOR_EVE)

        def flooding(world: World, chance: Random) -> None:
            flood = [fuzz_requests.made_up(names, chance) for _ in range(50)]
            for request in flood:
                request.user = EVE
            world.together(flood)

        assert explore(world, flooding, examples=10) >= 500
        assert world.call("GET", "/readyz").status == 200


@pytest.mark.parametrize("minor", [25, 28, 31, 34])
def test_older_levels_take_again_what_they_take(tmp_path, minor):
    with World(tmp_path, minor=minor) as world:
        assert len(world.rows) < len(STORED)
        assert explore(world, living, examples=20) >= 150


@pytest.mark.long
def test_a_hundred_thousand_requests(tmp_path: Path) -> None:
    sent, seed = 0, FIRST_SEED
    while sent < INPUTS:
        with World(tmp_path, minor=37 - seed % 13 if seed % 2 else 37) as world:
            for holds, times in ((living, 60), (patching, 60), (visiting, 1)):
                if holds is patching and seed % 2:
                    continue  # the models know the newest level
                chance = Random(f"{seed} {holds.__name__}")
                try:
                    for _ in range(times):
                        holds(world, chance)
                except BaseException as error:
                    error.add_note(f"seed {seed}: FUZZ_SEED={seed} FUZZ=1 tries it again")
                    raise
            sent += world.sent
        seed += 1
    logging.getLogger(__name__).info("%d requests, seeds %d to %d", sent, FIRST_SEED, seed - 1)
