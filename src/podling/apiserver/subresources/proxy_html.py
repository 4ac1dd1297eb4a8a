"""Links in HTML that comes through the proxy, led through the proxy again (k8s.io/apimachinery/pkg/util/proxy/transport.go).

Only what a browser would ask the API server for is touched: attributes that hold a URL, if it is a path from the root or names the backend.
All else stays byte for byte. Text is taken to be UTF-8 or anything else in which tags are ASCII.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit, urlunsplit

_URLS: dict[bytes, frozenset[bytes]] = {
    tag.encode(): frozenset(names.encode().split())
    for tag, names in {
        "a": "href",
        "applet": "codebase",
        "area": "href",
        "audio": "src",
        "base": "href",
        "blockquote": "cite",
        "body": "background",
        "button": "formaction",
        "command": "icon",
        "del": "cite",
        "embed": "src",
        "form": "action",
        "frame": "longdesc src",
        "head": "profile",
        "html": "manifest",
        "iframe": "longdesc src",
        "img": "longdesc src usemap",
        "input": "src usemap formaction",
        "ins": "cite",
        "link": "href",
        "object": "classid codebase data usemap",
        "q": "cite",
        "script": "src",
        "source": "src",
        "video": "poster src",
    }.items()
}
"""Attributes that hold a URL, as upstream lists them by HTML 4 and 5."""

_OPENING = re.compile(rb"<!--|<[a-zA-Z]")
_COMMENT = re.compile(rb"<!--.*?-->", re.DOTALL)
_TAG = re.compile(rb"""<([a-zA-Z][^\s/>]*+)((?:[^>"']|"[^"]*"|'[^']*')*+)>""")
_ATTRIBUTE = re.compile(rb"""([^\s=/>"']+)(\s*=\s*)("[^"]*"|'[^']*'|[^\s>"']+)""")
_VERBATIM = (b"script", b"style", b"textarea", b"title", b"xmp", b"iframe", b"noembed", b"noframes")
"""Elements whose text is no markup."""

Rewrite = Callable[[str], str]


def rewriter(prefix: str, *, backend: str, host: str) -> Rewrite:
    """How a URL changes that a backend names: `prefix` goes before its path, where the path stands in the API server.

    `backend` is the backend's own `host:port`, `host` what the client asked for in its Host header. URLs of other hosts and relative ones
    stay as they are.
    """

    def rewrite(url: str) -> str:
        try:
            parts = urlsplit(url)
        except ValueError:
            return url
        if parts.netloc not in ("", backend, host) or not parts.path.startswith("/"):
            return url
        is_ours = parts.netloc and parts.netloc == host
        path = parts.path if parts.path.startswith(prefix) else f"{prefix}{parts.path}"
        scheme, netloc = (parts.scheme, parts.netloc) if is_ours else ("", "")
        return urlunsplit((scheme, netloc, path, parts.query, parts.fragment))

    return rewrite


def links_rewritten(page: bytes, rewrite: Rewrite) -> bytes:
    """A page with its URLs changed."""
    return b"".join(_pieces(page, rewrite))


def _pieces(page: bytes, rewrite: Rewrite) -> Iterator[bytes]:
    """In one pass: a tag or comment that does not end takes the rest of the page with it, as in a browser."""
    at = 0
    while (opening := _OPENING.search(page, at)) is not None:
        is_comment = opening[0] == b"<!--"
        match = (_COMMENT if is_comment else _TAG).match(page, opening.start())
        if match is None:
            break
        yield page[at : match.start()]
        at = match.end()
        tag = b"" if is_comment else match[1].lower()
        yield _tag(match, _URLS[tag], rewrite) if tag in _URLS else match[0]
        if tag in _VERBATIM:
            end = re.compile(rb"</" + tag, re.IGNORECASE).search(page, at)
            stop = end.start() if end is not None else len(page)
            yield page[at:stop]
            at = stop
    yield page[at:]


def _tag(match: re.Match[bytes], names: frozenset[bytes], rewrite: Rewrite) -> bytes:
    def attribute(found: re.Match[bytes]) -> bytes:
        if found[1].lower() not in names:
            return found[0]
        quoted = found[3][:1] in (b'"', b"'")
        given = found[3][1:-1] if quoted else found[3]
        old = html.unescape(given.decode("utf-8", "surrogateescape"))
        new = rewrite(old)
        if new == old:
            return found[0]
        return b'%b%b"%b"' % (found[1], found[2], html.escape(new).encode("utf-8", "surrogateescape"))

    return b"<%b%b>" % (match[1], _ATTRIBUTE.sub(attribute, match[2]))
