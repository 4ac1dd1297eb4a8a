import re
from pathlib import Path

from podling.runtime.process.supervisor.logfile import LogFile

STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z"


def test_whole_lines_and_parts_are_told_apart(tmp_path: Path) -> None:
    log = LogFile(str(tmp_path / "new" / "c.log"))
    log.write("stdout", b"one\ntwo\npar")
    log.write("stderr", b"oops\n")
    log.write("stdout", b"tial\n")
    log.close()
    lines = (tmp_path / "new" / "c.log").read_text().splitlines()
    assert [re.sub(STAMP, "T", line) for line in lines] == [
        "T stdout F one",
        "T stdout F two",
        "T stdout P par",
        "T stderr F oops",
        "T stdout F tial",
    ]


def test_after_rotation_it_goes_on_in_a_new_file(tmp_path: Path) -> None:
    path = tmp_path / "c.log"
    log = LogFile(str(path))
    log.write("stdout", b"old\n")
    path.rename(tmp_path / "c.log.1")
    log.write("stdout", b"still old\n")
    log.reopen()
    log.write("stdout", b"new\n")
    log.close()
    assert path.read_text().endswith("stdout F new\n")
    assert (tmp_path / "c.log.1").read_text().count("old") == 2


def test_a_full_disk_loses_lines_and_not_the_container() -> None:
    log = LogFile("/dev/full")
    log.write("stdout", b"lost\n")
    log.close()
    assert log.dropped > 0


def test_no_path_means_no_log() -> None:
    log = LogFile("")
    log.write("stdout", b"x\n")
    log.close()
    assert log.dropped == 0
