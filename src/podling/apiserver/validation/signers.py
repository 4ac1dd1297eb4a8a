"""The names of signers, in certificate requests and trust bundles (pkg/apis/certificates/validation)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from podling.api import field, names
from podling.api.field import FieldError, Path
from podling.api.gotext import quote

MAX_DOMAIN = 253
MAX_NAME = MAX_DOMAIN + 1 + 63 + 1 + 253
"""A domain, a slash, and room for `<namespace>.<name>`."""


def signer_name(name: str, path: Path) -> Iterator[FieldError]:
    """A domain of two labels at least, a slash, and names with dots between them."""
    if not name:
        yield field.required(path)
        return
    domain, slash, rest = name.partition("/")
    if not slash or "/" in rest:
        why = "must be a fully qualified domain and path of the form 'example.com/signer-name'"
        yield field.invalid(path, name, why)
        return
    if len(domain) > MAX_DOMAIN:
        yield field.too_long(path, MAX_DOMAIN)
    yield from _labels(domain, names.dns1123_label, path)
    if "." not in domain:
        yield field.invalid(path, domain, "should be a domain with at least two segments separated by dots")
    yield from _labels(rest, names.dns1123_subdomain, path)
    if len(name) > MAX_NAME:
        yield field.too_long(path, MAX_NAME)


def _labels(text: str, rule: Callable[[str], list[str]], path: Path) -> Iterator[FieldError]:
    """What is wrong with the first label that is."""
    for label in text.split("."):
        faults = rule(label)
        for fault in faults:
            yield field.invalid(path, text, f"validating label {quote(label)}: {fault}")
        if faults:
            return
