"""What names, keys and values must look like, and names made up by the server.

Every rule takes a text and returns what is wrong with it, in apimachinery's words; an empty list means nothing is. The rules are those of
k8s.io/apimachinery/pkg/api/validate/content and pkg/util/validation.
"""

from __future__ import annotations

import ipaddress
import random
import re
from collections.abc import Callable
from functools import cache

from .kinds import NameRule

_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_DNS1035 = "[a-z]([-a-z0-9]*[a-z0-9])?"
_KEY = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_VALUE = f"({_KEY})?"
_CONFIG_KEY = "[-._a-zA-Z0-9]+"
_HEADER = "[-A-Za-z0-9]+"
_C_IDENTIFIER = "[A-Za-z_][A-Za-z0-9_]*"
_PERCENT = "[0-9]+%"
_REASON = "[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?"
_WILDCARD = rf"\*\.{_SUBDOMAIN}"

_LABEL_RE = re.compile(_LABEL)
_SUBDOMAIN_RE = re.compile(_SUBDOMAIN)
_DNS1035_RE = re.compile(_DNS1035)
_KEY_RE = re.compile(_KEY)
_VALUE_RE = re.compile(_VALUE)
_CONFIG_KEY_RE = re.compile(_CONFIG_KEY)
_HEADER_RE = re.compile(_HEADER)
_C_IDENTIFIER_RE = re.compile(_C_IDENTIFIER)
_PERCENT_RE = re.compile(_PERCENT)
_REASON_RE = re.compile(_REASON)
_WILDCARD_RE = re.compile(_WILDCARD)
_PORT_NAME_RE = re.compile("[-a-z0-9]+")

MAX_GENERATED = 63
_SUFFIX_LENGTH = 5
_SUFFIX_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""No vowels and no look-alikes, so that no words and no mistakes come out."""


def max_length(limit: int) -> str:
    return f"must be no more than {limit} bytes"


def between(low: int, high: int) -> str:
    return f"must be between {low} and {high}, inclusive"


@cache
def _mismatch(words: str, pattern: str, *examples: str) -> str:
    shown = " or ".join(f"'{example}', " for example in examples)
    lead = f"e.g. {shown}" if examples else ""
    return f"{words} ({lead}regex used for validation is '{pattern}')"


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def dns1123_label(value: str) -> list[str]:
    errors = [max_length(63)] if _size(value) > 63 else []
    if not _LABEL_RE.fullmatch(value):
        if _SUBDOMAIN_RE.fullmatch(value):
            errors.append("must not contain dots")
        else:
            words = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character"
            errors.append(_mismatch(words, _LABEL, "my-name", "123-abc"))
    return errors


def dns1123_subdomain(value: str) -> list[str]:
    errors = [max_length(253)] if _size(value) > 253 else []
    if not _SUBDOMAIN_RE.fullmatch(value):
        words = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character"
        errors.append(_mismatch(words, _SUBDOMAIN, "example.com"))
    return errors


def wildcard_dns1123_subdomain(value: str) -> list[str]:
    errors = [max_length(253)] if _size(value) > 253 else []
    if not _WILDCARD_RE.fullmatch(value):
        words = "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character"
        errors.append(_mismatch(words, _WILDCARD, "*.example.com"))
    return errors


def dns1035_label(value: str) -> list[str]:
    errors = [max_length(63)] if _size(value) > 63 else []
    if not _DNS1035_RE.fullmatch(value):
        words = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character"
        errors.append(_mismatch(words, _DNS1035, "my-name", "abc-123"))
    return errors


_KEY_WORDS = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"


def label_key(value: str) -> list[str]:
    """A label's or annotation's key, resource name, taint key: `name` or `example.com/name`. Also called a qualified name."""
    mismatch = _mismatch(_KEY_WORDS, _KEY, "MyName", "my.name", "123-abc")
    prefix, slash, name = value.rpartition("/")
    if "/" in prefix:
        return [
            f"a valid label key {mismatch} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
        ]
    errors = []
    if slash and not prefix:
        errors.append("prefix part must be non-empty")
    elif slash:
        errors += [f"prefix part {error}" for error in dns1123_subdomain(prefix)]
    if not name:
        errors.append("name part must be non-empty")
    elif _size(name) > 63:
        errors.append(f"name part {max_length(63)}")
    if not _KEY_RE.fullmatch(name):
        errors.append(f"name part {mismatch}")
    return errors


def label_value(value: str) -> list[str]:
    errors = [max_length(63)] if _size(value) > 63 else []
    if not _VALUE_RE.fullmatch(value):
        words = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
        errors.append(_mismatch(words, _VALUE, "MyValue", "my_value", "12345"))
    return errors


def path_segment(value: str) -> list[str]:
    """A name that may stand in a URL's path and a store's key as it is; RBAC's names."""
    if value in (".", ".."):
        return [f"may not be '{value}'"]
    return [f"may not contain '{char}'" for char in "/%" if char in value]


def ip_address(value: str) -> list[str]:
    try:
        canonical = str(ipaddress.ip_address(value))
    except ValueError:
        return ["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"]
    return [] if canonical == value else [f"must be in canonical form ({canonical!r})".replace("'", '"')]


def port_number(value: int) -> list[str]:
    return [] if 1 <= value <= 65535 else [between(1, 65535)]


def port_name(value: str) -> list[str]:
    errors = [max_length(15)] if _size(value) > 15 else []
    if not _PORT_NAME_RE.fullmatch(value):
        errors.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not any("a" <= char <= "z" for char in value):
        errors.append("must contain at least one letter (a-z)")
    if "--" in value:
        errors.append("must not contain consecutive hyphens")
    if value.startswith("-") or value.endswith("-"):
        errors.append("must not begin or end with a hyphen")
    return errors


def env_name(value: str) -> list[str]:
    """An environment variable's name: any printable ASCII but `=` (the relaxed rule, general since v1.34)."""
    if not value:
        return ["environment variable name must be non-empty"]
    if any(char == "=" or not " " <= char <= "~" for char in value):
        return [
            "a valid environment variable name must consist only of printable ASCII characters other than '='"
        ]
    return []


def config_key(value: str) -> list[str]:
    """A key of a ConfigMap or Secret, which may become a file's name."""
    errors = [max_length(253)] if _size(value) > 253 else []
    if not _CONFIG_KEY_RE.fullmatch(value):
        words = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"
        errors.append(_mismatch(words, _CONFIG_KEY, "key.name", "KEY_NAME", "key-name"))
    if value in (".", ".."):
        errors.append(f"must not be '{value}'")
    elif value.startswith(".."):
        errors.append("must not start with '..'")
    return errors


def http_header_name(value: str) -> list[str]:
    if _HEADER_RE.fullmatch(value):
        return []
    return [
        _mismatch(
            "a valid HTTP header must consist of alphanumeric characters or '-'", _HEADER, "X-Header-Name"
        )
    ]


def c_identifier(value: str) -> list[str]:
    if _C_IDENTIFIER_RE.fullmatch(value):
        return []
    words = "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_'"
    return [_mismatch(words, _C_IDENTIFIER, "my_name", "MY_NAME", "MyName")]


def percent(value: str) -> list[str]:
    if _PERCENT_RE.fullmatch(value):
        return []
    words = "a valid percent string must be a numeric string followed by an ending '%'"
    return [_mismatch(words, _PERCENT, "1%", "93%")]


def condition_reason(value: str) -> list[str]:
    """A condition's reason, in the words of apimachinery/pkg/apis/meta/v1/validation."""
    if _REASON_RE.fullmatch(value):
        return []
    words = (
        "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric "
        "characters or '_,:', and must end with an alphanumeric character or '_'"
    )
    examples = ("my_name", "MY_NAME", "MyName", "ReasonA,ReasonB", "ReasonA:ReasonB")
    return [_mismatch(words, _REASON, *examples)]


def _anything(value: str) -> list[str]:
    return []


_RULES: dict[NameRule, Callable[[str], list[str]]] = {
    "subdomain": dns1123_subdomain,
    "label": dns1123_label,
    "dns1035-label": dns1035_label,
    "path-segment": path_segment,
    "ip": ip_address,
    "any": _anything,
}


def object_name(rule: NameRule, name: str) -> list[str]:
    """What is wrong with an object's name by its kind's rule."""
    return _RULES[rule](name)


def name_prefix(rule: NameRule, prefix: str) -> list[str]:
    """What is wrong with a `generateName`; it may end in a hyphen, for more is to follow."""
    if rule != "path-segment" and len(prefix) > 1 and prefix.endswith("-"):
        prefix = prefix[:-1] + "a"
    return _RULES[rule](prefix)


def generate_name(base: str, chance: random.Random) -> str:
    """`base` (cut at 58 characters) and five random ones, as `metadata.generateName` asks for."""
    suffix = "".join(chance.choice(_SUFFIX_ALPHABET) for _ in range(_SUFFIX_LENGTH))
    return base[: MAX_GENERATED - _SUFFIX_LENGTH] + suffix
