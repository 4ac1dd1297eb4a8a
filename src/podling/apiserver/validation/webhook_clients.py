"""Where a webhook is found: a URL or a Service (k8s.io/apiserver/pkg/util/webhook/validation.go)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol
from urllib.parse import urlsplit

from podling.api import field, names
from podling.api.field import FieldError, Path
from podling.api.gotext import quote

_FORM = "; desired format: https://host[/path]"


class Service(Protocol):
    """A reference to a Service of any API group's making."""

    name: str
    namespace: str
    path: str | None
    port: int | None


def client(url: str | None, service: Service | None, path: Path) -> Iterator[FieldError]:
    """One way to the webhook, neither none nor two."""
    if url is not None and service is None:
        yield from _url(url, path / "url")
    elif service is not None and url is None:
        yield from _service(service, path / "service")
    else:
        yield field.required(path, "exactly one of url or service is required")


def _url(text: str, path: Path) -> Iterator[FieldError]:
    try:
        url = urlsplit(text)
        _ = url.port
    except ValueError as error:
        yield field.required(path, f"url must be a valid URL: parse {quote(text)}: {error}{_FORM}")
        return
    user, _, host = url.netloc.rpartition("@")
    if url.scheme != "https":
        yield field.invalid(path, url.scheme, f"'https' is the only allowed URL scheme{_FORM}")
    if not host:
        yield field.invalid(path, host, f"host must be specified{_FORM}")
    if user:
        yield field.invalid(path, user, "user information is not permitted in the URL")
    if url.fragment:
        yield field.invalid(path, url.fragment, "fragments are not permitted in the URL")
    if url.query:
        yield field.invalid(path, url.query, "query parameters are not permitted in the URL")


def _service(service: Service, path: Path) -> Iterator[FieldError]:
    if not service.name:
        yield field.required(path / "name")
    if not service.namespace:
        yield field.required(path / "namespace")
    wrong = names.port_number(service.port or 0)
    if wrong:
        yield field.invalid(path / "port", service.port or 0, f"port is not valid: {', '.join(wrong)}")
    if service.path:
        yield from _service_path(service.path, path / "path")


def _service_path(text: str, path: Path) -> Iterator[FieldError]:
    if text == "/":
        return
    if text == "//":
        yield field.invalid(path, text, "segment[0] may not be empty")
        return
    if not text.startswith("/"):
        yield field.invalid(path, text, "must start with a '/'")
    for index, step in enumerate(text[1:].removesuffix("/").split("/")):
        if not step:
            yield field.invalid(path, text, f"segment[{index}] may not be empty")
            continue
        for why in names.dns1123_subdomain(step):
            yield field.invalid(path, text, f"segment[{index}]: {why}")
