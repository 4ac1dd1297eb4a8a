"""A follower that falls behind a log that is rotated again and again reads every file, in order, packed or not, once."""

from __future__ import annotations

import gzip
import random
from pathlib import Path

import pytest

from podling.agent.logs.succession import Succession


class Log:
    """A log that is written and put aside; the names are in order of time."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "0.log"
        self.path.touch()
        self.lines = self.times = 0

    def write(self, count: int = 1) -> None:
        with self.path.open("a") as file:
            for _ in range(count):
                self.lines += 1
                file.write(f"line {self.lines}\n")

    def rotate(self) -> None:
        self.times += 1
        self.path.rename(self.aside(self.times))
        self.path.touch()

    def pack(self, time: int) -> None:
        plain = self.aside(time)
        with gzip.open(f"{plain}.gz", "wb") as target:
            target.write(plain.read_bytes())
        plain.unlink()

    def aside(self, time: int) -> Path:
        return self.path.with_name(f"0.log.20240501-12{time:04d}")


class Follower:
    def __init__(self, log: Log) -> None:
        self.succession = Succession(log.path)
        self.file = self.succession.open()
        self.got = b""

    def read(self) -> int:
        """To the end of this file and, if there is one, on to the next; how often there was one."""
        self.got += self.file.read()
        moved = 0
        while (following := self.succession.after(self.file)) is not None:
            self.got += self.file.read()
            self.file.close()
            self.file = following
            self.got += self.file.read()
            moved += 1
        return moved

    def step(self) -> None:
        """On to the next file at most."""
        self.got += self.file.read()
        if (following := self.succession.after(self.file)) is not None:
            self.got += self.file.read()
            self.file.close()
            self.file = following


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path)


def wanted(log: Log) -> bytes:
    return b"".join(b"line %d\n" % number for number in range(1, log.lines + 1))


@pytest.mark.parametrize("packed", [False, True])
def test_files_in_between_are_read(log: Log, packed: bool):
    log.write(3)
    follower = Follower(log)
    for _ in range(4):
        log.write(5)
        log.rotate()
    if packed:
        for time in (1, 2, 3):
            log.pack(time)
    log.write(2)
    assert follower.read() == 4
    assert follower.got == wanted(log)
    follower.file.close()


def test_what_was_put_aside_before_is_not_read(log: Log):
    log.write()
    log.rotate()
    log.write()
    follower = Follower(log)
    assert follower.read() == 0
    assert follower.got == b"line 2\n"
    follower.file.close()


def test_files_that_are_gone_are_passed_over(log: Log):
    follower = Follower(log)
    for _ in range(3):
        log.write()
        log.rotate()
    log.aside(1).unlink()
    log.aside(2).unlink()
    log.write()
    follower.read()
    assert follower.got == b"line 1\nline 3\nline 4\n"
    follower.file.close()


def test_a_moment_without_a_live_file_is_waited_out(log: Log):
    follower = Follower(log)
    log.write()
    log.path.rename(log.aside(1))
    assert follower.read() == 0
    log.path.touch()
    log.write()
    assert follower.read() == 1
    assert follower.got == wanted(log)
    follower.file.close()


@pytest.mark.parametrize("seed", range(60))
def test_whatever_comes_between_nothing_is_lost_or_read_twice(log: Log, seed: int):
    chance = random.Random(seed)
    follower = Follower(log)
    packed = 0
    for _ in range(80):
        what = chance.choice(["write", "write", "rotate", "pack", "step", "step"])
        if what == "write":
            log.write(chance.randint(1, 5))
        elif what == "rotate":
            log.write()  # so that no two files are the same
            log.rotate()
        elif what == "pack" and packed < log.times - 1:
            packed += 1
            log.pack(packed)
        elif what == "step":
            follower.step()
    follower.read()
    assert follower.got == wanted(log)
    follower.file.close()
