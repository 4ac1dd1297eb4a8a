"""Container logs read back: tails, times, bounds, partial lines, growth and rotation."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from podling.agent.logs import cri
from podling.agent.logs.reader import LogOptions, read
from podling.agent.logs.rotate import HURRY_SECONDS, INTERVAL_SECONDS, LogRotation, RunningLog, _tidy
from podling.aio.clock import LoopClock
from podling.runtime.interface import Unavailable
from podling.testing.virtualtime import virtual


def line(text: str, second: int = 0, stream: str = "stdout", tag: str = "F") -> str:
    return f"2024-05-01T12:00:{second:02d}.000000000Z {stream} {tag} {text}\n"


async def _never() -> None:
    await asyncio.Event().wait()


async def told(path: Path, **options: Any) -> str:
    return b"".join([block async for block in read(path, LogOptions(**options), wait_ended=_never)]).decode()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "0.log"
    path.write_text("".join(line(f"line {n}", n, "stderr" if n % 2 else "stdout") for n in range(5)))
    return path


class TestParse:
    def test_line_and_part(self):
        assert cri.parse(b"T stdout F hello") == cri.Entry(b"T", b"stdout", False, b"hello\n")
        assert cri.parse(b"T stderr P hel") == cri.Entry(b"T", b"stderr", True, b"hel")
        assert cri.parse(b"T stdout F ") == cri.Entry(b"T", b"stdout", False, b"\n")

    def test_time_is_utc_with_a_z(self):
        assert cri.parse(b"2024-05-01T12:00:00.5+00:00 stdout F x").time == b"2024-05-01T12:00:00.5Z"

    @pytest.mark.parametrize("junk", [b"", b"junk", b"a b c", b"T stdin F x"])
    def test_junk_is_none(self, junk: bytes):
        assert cri.parse(junk) is None


async def test_whole_log(log: Path):
    assert await told(log) == "line 0\nline 1\nline 2\nline 3\nline 4\n"


@pytest.mark.parametrize(
    ("tail", "wanted"), [(0, []), (2, [3, 4]), (5, [0, 1, 2, 3, 4]), (99, [0, 1, 2, 3, 4])]
)
async def test_tail(log: Path, tail: int, wanted: list[int]):
    assert await told(log, tail=tail) == "".join(f"line {n}\n" for n in wanted)


async def test_tail_over_many_blocks(tmp_path: Path):
    path = tmp_path / "0.log"
    path.write_text("".join(line("x" * 1000 + f" {n}") for n in range(500)))
    text = await told(path, tail=100)
    assert [int(row.split()[1]) for row in text.splitlines()] == [*range(400, 500)]


async def test_since_timestamps_stream_and_limit(log: Path):
    assert await told(log, since=b"2024-05-01T12:00:03") == "line 3\nline 4\n"
    assert await told(log, timestamps=True, tail=1) == "2024-05-01T12:00:04.000000000Z line 4\n"
    assert await told(log, stream=b"stderr") == "line 1\nline 3\n"
    assert await told(log, limit_bytes=10) == "line 0\nlin"


async def test_parts_make_one_line_with_one_stamp(tmp_path: Path):
    path = tmp_path / "0.log"
    path.write_text(line("hel", 1, tag="P") + line("lo", 2))
    assert await told(path, timestamps=True) == "2024-05-01T12:00:01.000000000Z hello\n"


class _Follower:
    """Follows a log in the background; `until` waits for text to have come."""

    def __init__(self, path: Path) -> None:
        self.ended = asyncio.Event()
        self.text = ""
        self._more = asyncio.Event()
        self.task = asyncio.create_task(self._run(path))

    async def _end(self) -> None:
        await self.ended.wait()

    async def _run(self, path: Path) -> None:
        async for block in read(path, LogOptions(follow=True), wait_ended=self._end):
            self.text += block.decode()
            self._more.set()

    async def until(self, text: str) -> None:
        async with asyncio.timeout(5):
            while text not in self.text:
                self._more.clear()
                await self._more.wait()


async def test_follower_sees_lines_as_they_come_and_ends_with_the_container(log: Path):
    follower = _Follower(log)
    await follower.until("line 4\n")
    with log.open("a") as file:
        file.write(line("more"))
    await follower.until("more\n")
    with log.open("a") as file:
        file.write(line("last"))
    follower.ended.set()
    await asyncio.wait_for(follower.task, 5)
    assert follower.text.endswith("more\nlast\n")


async def test_follower_loses_nothing_when_the_log_is_rotated(log: Path):
    follower = _Follower(log)
    await follower.until("line 4\n")
    with log.open("a") as file:
        log.rename(log.with_name("0.log.20240501-120000"))
        file.write(line("into the old"))
    log.write_text(line("into the new"))
    await follower.until("into the new\n")
    follower.ended.set()
    await asyncio.wait_for(follower.task, 5)
    assert follower.text.endswith("line 4\ninto the old\ninto the new\n")


def test_rotated_logs_are_packed_and_the_oldest_go(tmp_path: Path):
    files = [tmp_path / f"0.log.2024050{n}-000000" for n in range(1, 6)]
    for file in files:
        file.write_text("x")
    _tidy(files, 3)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"0.log.2024050{n}-000000.gz" for n in (3, 4, 5)
    ]


class _Writer:
    """A container that writes to ``path`` and goes on in a new file when told; ``deaf`` ones cannot be reached."""

    def __init__(self, path: Path, *, deaf: bool = False) -> None:
        self.log = RunningLog(path.parent.name, path)
        self.deaf = deaf
        path.parent.mkdir()
        path.write_text("x" * 100)

    async def reopen(self) -> None:
        if self.deaf:
            raise Unavailable("cannot reach the runtime: it is away")
        self.log.path.touch()


async def _rotated_once(*writers: _Writer) -> None:
    by_id = {writer.log.container_id: writer for writer in writers}
    rotation = LogRotation(
        lambda: [writer.log for writer in writers],
        lambda container_id: by_id[container_id].reopen(),
        clock=LoopClock(),
        max_bytes=10,
        max_files=5,
    )
    task = asyncio.ensure_future(rotation.run())
    await asyncio.sleep(INTERVAL_SECONDS + HURRY_SECONDS / 2)
    assert not task.done()
    task.cancel()


@virtual
async def test_log_past_its_size_is_put_aside(tmp_path: Path):
    writer = _Writer(tmp_path / "a" / "0.log")
    await _rotated_once(writer)
    assert sorted(path.stat().st_size for path in writer.log.path.parent.iterdir()) == [0, 100]


@virtual
async def test_log_that_cannot_be_rotated_stays_whole_and_holds_up_no_other(tmp_path: Path):
    deaf = _Writer(tmp_path / "deaf" / "0.log", deaf=True)
    blocked = _Writer(tmp_path / "blocked" / "0.log")
    (tmp_path / "blocked" / "0.log.19700101-000002").mkdir()
    sound = _Writer(tmp_path / "sound" / "0.log")
    await _rotated_once(deaf, blocked, sound)
    assert [path.name for path in deaf.log.path.parent.iterdir()] == ["0.log"]
    assert blocked.log.path.stat().st_size == 100
    assert sound.log.path.stat().st_size == 0


@virtual
async def test_a_log_that_grows_fast_is_looked_at_every_second(tmp_path: Path):
    writer = _Writer(tmp_path / "a" / "0.log")
    rotation = LogRotation(
        lambda: [writer.log],
        lambda _: writer.reopen(),
        clock=LoopClock(),
        max_bytes=1000,
        max_files=5,
    )
    assert await rotation.look() == HURRY_SECONDS
    assert await rotation.look() == INTERVAL_SECONDS
    writer.log.path.write_text("x" * 1001)
    assert await rotation.look() == HURRY_SECONDS
    assert await rotation.look() == INTERVAL_SECONDS
    assert sorted(path.stat().st_size for path in writer.log.path.parent.iterdir()) == [0, 1001]
