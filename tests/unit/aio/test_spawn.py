"""Starting, awaiting and killing children without a fork, a thread or a poll."""

import asyncio
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from podling.aio import pipes
from podling.aio.spawn import DEVNULL, PIPE, CannotStart, OutputLimit, TimeLimit, run, spawn


async def test_run_returns_both_outputs_and_the_code():
    done = await run(["sh", "-c", "cat; echo oops >&2; exit 3"], input=b"x" * 300_000, limit_seconds=20)
    assert (done.returncode, done.stdout, done.stderr) == (3, b"x" * 300_000, b"oops\n")
    assert done.error_text == "oops"


async def test_a_missing_program_is_named():
    with pytest.raises(CannotStart, match="cannot start /no/such: No such file"):
        await run(["/no/such"], limit_seconds=1)


async def test_a_program_past_its_limit_is_killed_with_its_group(tmp_path):
    with pytest.raises(TimeLimit, match=r"no end after 0\.2 s"):
        await run(["sh", "-c", f"sleep 60 & echo $! > {tmp_path}/pid; wait"], limit_seconds=0.2)
    pid = int((tmp_path / "pid").read_text())
    await _gone(pid)


async def test_cancelling_run_kills_the_program(tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    task = asyncio.create_task(run(["sh", "-c", f"echo $$ > {fifo}; exec sleep 60"], limit_seconds=50))
    with open(os.open(fifo, os.O_RDWR | os.O_NONBLOCK), "rb", buffering=0) as pipe:
        pid = int(await pipes.read(pipe.fileno()))
        pidfd = os.pidfd_open(pid)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await pipes.wait_readable(pidfd)
    os.close(pidfd)


async def test_too_much_output_is_not_held():
    with pytest.raises(OutputLimit, match="more than 1000 bytes"):
        await run(["sh", "-c", "while :; do echo 0123456789; done"], limit_seconds=20, max_output=1000)


async def test_a_program_that_does_not_read_its_input_is_not_an_error():
    done = await run(["true"], input=b"x" * 1_000_000, limit_seconds=20)
    assert done.returncode == 0


async def test_a_signalled_child_has_a_negative_code_and_many_waiters():
    async with await spawn(["sleep", "60"]) as process:
        waiters = [asyncio.create_task(process.wait()) for _ in range(3)]
        process.send_signal(signal.SIGTERM)
        assert await asyncio.gather(*waiters) == [-signal.SIGTERM] * 3
        assert process.returncode == -signal.SIGTERM
        assert process.pidfd == -1
        process.kill()  # nothing left to kill


async def test_pipes_carry_a_conversation():
    async with await spawn(["cat"], stdin=PIPE, stdout=PIPE, stderr=DEVNULL) as process:
        await pipes.write(process.stdin, b"hello")
        assert await pipes.read(process.stdout) == b"hello"
        process.close_stdin()
        assert await pipes.read(process.stdout) == b""
        assert await process.wait() == 0


async def test_a_thread_may_start_the_child_and_cancellation_there_leaves_none(tmp_path):
    with ThreadPoolExecutor(1) as thread:
        done = await run(["echo", "hi"], limit_seconds=5, thread=thread)
        assert done.stdout == b"hi\n"
        thread.submit(time.sleep, 0.05)
        task = asyncio.create_task(spawn(["sh", "-c", f"echo $$ >{tmp_path}/pid; sleep 60"], thread=thread))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_no_descriptor_is_left_behind():
    await run(["true"], limit_seconds=5)
    before = sorted(os.listdir("/proc/self/fd"))
    for _ in range(5):
        await run(["cat"], input=b"x", limit_seconds=5)
    assert sorted(os.listdir("/proc/self/fd")) == before


async def _gone(pid: int) -> None:
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    async with asyncio.timeout(10):
        await pipes.wait_readable(pidfd)
    os.close(pidfd)
