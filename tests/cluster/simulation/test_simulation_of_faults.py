"""Controllers under faults: a whole cluster in virtual time, from a thousand seeds; `SEEDS=20000 pytest ...` takes more of them.

The sweep runs in two processes beside pytest, as seeds have nothing to do with one another. What a seed is and what must hold is in
`podling.testing.simulation`: `run` tells the course of it, `laws` what may never be.
"""

import os
import subprocess
import sys

import pytest

SEEDS = int(os.environ.get("SEEDS", "1000"))
PROCESSES = 2
SIMULATE = [sys.executable, "-m", "podling.testing.simulation"]


def live_through(*seeds, hash_seed="0"):
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    return subprocess.Popen([*SIMULATE, *seeds], stdout=subprocess.PIPE, text=True, env=environment)


def test_in_any_weather_every_object_comes_to_what_it_asks_for_and_nothing_is_made_or_counted_twice():
    share = SEEDS // PROCESSES
    parts = [live_through(f"{part * share}-{(part + 1) * share - 1}") for part in range(PROCESSES)]
    told = [part.communicate()[0] for part in parts]
    assert [part.returncode for part in parts] == [0] * PROCESSES, "\n".join(told)[-8000:]
    assert all(text.endswith(f"{share} seeds, 0 of them broke a law\n") for text in told)


@pytest.mark.parametrize("seed", ["10", "17"])
def test_a_seed_gives_the_same_story_and_the_same_bytes_whatever_python_hashes_text_to(seed):
    one, other = (live_through(seed, hash_seed=hash_seed) for hash_seed in ("1", "2"))
    story, again = one.communicate()[0], other.communicate()[0]
    assert story == again
    assert "digest " in story
