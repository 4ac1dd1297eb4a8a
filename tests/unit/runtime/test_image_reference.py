"""Image names become what Docker makes of them."""

import pytest

from podling.runtime.images import InvalidReference, parse
from podling.runtime.images.reference import as_id

HEX = "a" * 64


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("busybox", "docker.io/library/busybox:latest"),
        ("busybox:1.36", "docker.io/library/busybox:1.36"),
        ("me/app", "docker.io/me/app:latest"),
        ("index.docker.io/busybox", "docker.io/library/busybox:latest"),
        ("docker.io/busybox", "docker.io/library/busybox:latest"),
        ("localhost/app", "localhost/app:latest"),
        ("localhost:5000/app:v1", "localhost:5000/app:v1"),
        ("registry.k8s.io/pause:3.9", "registry.k8s.io/pause:3.9"),
        ("HOST/app", "HOST/app:latest"),
        ("[::1]:5000/a/b", "[::1]:5000/a/b:latest"),
        ("a__b/c--d", "docker.io/a__b/c--d:latest"),
        (f"busybox@sha256:{HEX}", f"docker.io/library/busybox@sha256:{HEX}"),
        (f"busybox:1@sha256:{HEX}", f"docker.io/library/busybox@sha256:{HEX}"),
    ],
)
def test_a_name_is_completed(text, full):
    assert str(parse(text)) == full
    assert str(parse(full)) == full


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it is empty"),
        ("Busybox", "lower case"),
        ("a b", "invalid reference format"),
        ("a/", "invalid"),
        ("a:", "invalid"),
        ("a@sha256:12", "invalid"),
        ("a..b", "invalid"),
        ("-a", "invalid"),
        ("a:tag:tag", "invalid"),
        ("docker://a", "invalid"),
        ("a" * 260, "longer than 255"),
        ("busybox\n", "invalid"),
    ],
)
def test_what_is_no_name_is_refused(text, why):
    with pytest.raises(InvalidReference, match=why):
        parse(text)


def test_ids_are_told_from_names():
    assert as_id(HEX) == as_id(f"sha256:{HEX}") == f"sha256:{HEX}"
    assert as_id("busybox") is None
    assert as_id(HEX[:12]) is None
