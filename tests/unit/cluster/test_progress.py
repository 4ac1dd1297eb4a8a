"""A start is told through a pipe, and noise on it does no harm."""

import os

from podling.cluster.progress import Outcome, Step, read_report, report_to


def test_steps_and_the_outcome_arrive_as_sent() -> None:
    reader, writer = os.pipe()
    report = report_to(writer)
    report(Step(name="store", seconds=0.25, detail="12 objects"))
    report(Outcome(error="cannot do it: why", exit_code=5))
    report(Step(name="late", seconds=0))
    with open(reader, "rb") as lines:
        assert list(read_report(lines)) == [
            Step(name="store", seconds=0.25, detail="12 objects"),
            Outcome(error="cannot do it: why", exit_code=5),
        ]


def test_a_reader_that_left_does_not_stop_the_start() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    report = report_to(writer)
    report(Step(name="store", seconds=0.25))
    report(Outcome())


def test_lines_that_are_not_ours_are_passed_over() -> None:
    assert list(read_report([b"Traceback\n", b"7\n", b'{"a": 1}\n'])) == []
