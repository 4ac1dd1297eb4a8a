"""Rules of names in upstream's words (k8s.io/apimachinery/pkg/util/validation)."""

from __future__ import annotations

import random

import pytest

from podling.api import names

LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an "
    "alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end "
    "with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
KEY = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
    "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)


@pytest.mark.parametrize(
    ("value", "errors"),
    [
        ("a-1", []),
        ("", [LABEL]),
        ("A", [LABEL]),
        ("a.b", ["must not contain dots"]),
        ("a" * 64, ["must be no more than 63 bytes"]),
    ],
)
def test_a_label(value: str, errors: list[str]) -> None:
    assert names.dns1123_label(value) == errors


@pytest.mark.parametrize(
    ("value", "errors"),
    [
        ("a.b-1", []),
        ("My_Pod", [SUBDOMAIN]),
        ("a..b", [SUBDOMAIN]),
        ("a\n", [SUBDOMAIN]),
        ("a" * 254, ["must be no more than 253 bytes"]),
    ],
)
def test_a_subdomain(value: str, errors: list[str]) -> None:
    assert names.dns1123_subdomain(value) == errors


@pytest.mark.parametrize(
    ("value", "errors"),
    [
        ("simple", []),
        ("example.com/Simple_1", []),
        ("/simple", ["prefix part must be non-empty"]),
        ("example.com/", ["name part must be non-empty", KEY]),
        ("Exa_mple/x", [f"prefix part {SUBDOMAIN}"]),
        ("a b", [KEY]),
        ("x" * 64, ["name part must be no more than 63 bytes"]),
    ],
)
def test_a_labels_key(value: str, errors: list[str]) -> None:
    assert names.label_key(value) == errors


def test_a_key_of_three_parts_is_refused_as_a_whole() -> None:
    (error,) = names.label_key("a/b/c")
    assert error.startswith("a valid label key must consist of")
    assert error.endswith("with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')")


def test_a_labels_value_may_be_empty_but_not_odd() -> None:
    assert names.label_value("") == []
    assert names.label_value("a_B.9") == []
    assert len(names.label_value("-a")) == 1


def test_rbac_names_are_path_segments() -> None:
    assert names.path_segment("system:node:x") == []
    assert names.path_segment("..") == ["may not be '..'"]
    assert names.path_segment("a/b%c") == ["may not contain '/'", "may not contain '%'"]


def test_ports() -> None:
    assert names.port_number(80) == []
    assert names.port_number(0) == ["must be between 1 and 65535, inclusive"]
    assert names.port_name("http-1") == []
    assert names.port_name("80") == ["must contain at least one letter (a-z)"]
    assert names.port_name("-a--b") == [
        "must not contain consecutive hyphens",
        "must not begin or end with a hyphen",
    ]


def test_environment_variables_take_any_printable_ascii_but_the_equals_sign() -> None:
    assert names.env_name("my var!") == []
    assert names.env_name("") == ["environment variable name must be non-empty"]
    assert len(names.env_name("a=b")) == len(names.env_name("é")) == len(names.env_name("a\n")) == 1


def test_config_keys_may_become_file_names() -> None:
    assert names.config_key(".dockerconfigjson") == []
    assert names.config_key("..") == ["must not be '..'"]
    assert names.config_key("..a") == ["must not start with '..'"]
    assert len(names.config_key("a/b")) == 1


def test_a_prefix_may_end_in_a_hyphen() -> None:
    assert names.name_prefix("subdomain", "web-") == []
    assert names.object_name("subdomain", "web-") == [SUBDOMAIN]


def test_addresses_must_be_canonical() -> None:
    assert names.ip_address("2001:db8::1") == []
    assert names.ip_address("2001:DB8::1") == ['must be in canonical form ("2001:db8::1")']
    assert len(names.ip_address("10.0.0.256")) == 1


def test_generated_names_are_cut_and_hold_no_vowels() -> None:
    chance = random.Random(7)
    short, long = names.generate_name("web-", chance), names.generate_name("x" * 70, chance)
    assert short.startswith("web-")
    assert len(short) == len("web-") + 5
    assert len(long) == 63
    assert set(long[58:]) <= set("bcdfghjklmnpqrstvwxz2456789")
    assert names.generate_name("a", random.Random(1)) == names.generate_name("a", random.Random(1))
