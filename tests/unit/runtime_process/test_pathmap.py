import pytest

from podling.runtime.process.pathmap import PathMap

OWN = {"/data": "/v/d", "/data/in": "/v/i"}
THERE = {"/root/bin/sh", "/root/etc"}
MAP = PathMap("/root", OWN, THERE.__contains__)


@pytest.mark.parametrize(
    ("wanted", "real"),
    [
        ("/data", "/v/d"),
        ("/data/x", "/v/d/x"),
        ("/data/in/x", "/v/i/x"),
        ("/data/../etc", "/root/etc"),
        ("/bin/sh", "/root/bin/sh"),
        ("/proc/self", "/proc/self"),
        ("/database", "/database"),
    ],
)
def test_a_path_leads_to_the_volume_or_the_image_or_stays(wanted: str, real: str) -> None:
    assert MAP.path(wanted) == real


@pytest.mark.parametrize(
    ("text", "translated"),
    [
        ("date > /data/next && mv /data/next /data/x", "date > /v/d/next && mv /v/d/next /v/d/x"),
        ("--dir=/data", "--dir=/v/d"),
        ("a:/data:/data/in:b", "a:/v/d:/v/i:b"),
        ("'/data/in'", "'/v/i'"),
        ("cd /data; ls", "cd /v/d; ls"),
        ("/database /x/data http://host/data /data.bak", "/database /x/data http://host/data /data.bak"),
    ],
)
def test_mount_paths_are_translated_where_they_stand_alone(text: str, translated: str) -> None:
    assert MAP.text(text) == translated


def test_the_search_path_is_the_images() -> None:
    assert MAP.search_path("/usr/bin:/bin:relative") == "/root/usr/bin:/root/bin"
