"""Names of images, normalised as Docker does (pure).

``busybox`` -> ``docker.io/library/busybox:latest``; ``me/app@sha256:...`` keeps its digest and gets no tag.  The
grammar is that of the distribution project's reference package; names beyond it are ``InvalidReference``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_ALNUM = r"[a-z0-9]+"
_COMPONENT = rf"{_ALNUM}(?:(?:[._]|__|[-]+){_ALNUM})*"
_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_DOMAIN = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:]+\])(?::[0-9]+)?"
_FULL = re.compile(
    rf"(?P<name>(?:{_DOMAIN}/)?{_COMPONENT}(?:/{_COMPONENT})*)"
    r"(?::(?P<tag>[\w][\w.-]{0,127}))?"
    r"(?:@(?P<digest>[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}))?",
    re.ASCII,
)
_ID = re.compile(r"(?:sha256:)?[0-9a-f]{64}")
_DEFAULT_DOMAIN = "docker.io"
_MAX_NAME = 255


class InvalidReference(ValueError):
    """The text is not the name of an image."""


@dataclass(frozen=True, slots=True)
class Reference:
    """``name`` holds domain and path.  Exactly one of ``tag`` and ``digest`` counts: a digest wins over a tag."""

    name: str
    tag: str = ""
    digest: str = ""

    def __str__(self) -> str:
        return f"{self.name}@{self.digest}" if self.digest else f"{self.name}:{self.tag}"


def parse(text: str) -> Reference:
    """Normalise ``text``; raises ``InvalidReference``."""
    match = _FULL.fullmatch(text)
    if not match:
        raise InvalidReference(f"cannot parse image name {text!r}: {_why(text)}")
    name = _qualified(match["name"])
    if len(name) > _MAX_NAME:
        raise InvalidReference(f"cannot parse image name {text!r}: longer than {_MAX_NAME} characters")
    digest = match["digest"] or ""
    return Reference(name, "" if digest else match["tag"] or "latest", digest)


def as_id(text: str) -> str | None:
    """``sha256:<hex>`` if ``text`` is an image id, with or without its algorithm; else None."""
    if not _ID.fullmatch(text):
        return None
    return text if text.startswith("sha256:") else f"sha256:{text}"


def _qualified(name: str) -> str:
    first, slash, rest = name.partition("/")
    is_domain = bool(slash) and (
        any(c in first for c in ".:[") or first == "localhost" or first != first.lower()
    )
    domain, path = (first, rest) if is_domain else (_DEFAULT_DOMAIN, name)
    if domain == "index.docker.io":
        domain = _DEFAULT_DOMAIN
    if domain == _DEFAULT_DOMAIN and "/" not in path:
        path = f"library/{path}"
    return f"{domain}/{path}"


def _why(text: str) -> str:
    if not text:
        return "it is empty"
    if text != text.lower() and _FULL.fullmatch(text.lower()):
        return "repository names are lower case"
    return "invalid reference format"
