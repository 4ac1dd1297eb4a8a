"""Links in pages that come through the proxy (k8s.io/apimachinery/pkg/util/proxy/transport_test.go tests the same cases)."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podling.apiserver.subresources import proxy_html

PREFIX = "/api/v1/namespaces/default/pods/web/proxy"
REWRITE = proxy_html.rewriter(PREFIX, backend="10.42.0.5:80", host="api.local:6443")


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("/", f"{PREFIX}/"),
        ("/a/b/?c=d#e", f"{PREFIX}/a/b/?c=d#e"),
        ("a/b", "a/b"),
        ("#here", "#here"),
        ("http://10.42.0.5:80/a", f"{PREFIX}/a"),
        ("https://api.local:6443/a", f"https://api.local:6443{PREFIX}/a"),
        ("https://example.com/a", "https://example.com/a"),
        ("//example.com/a", "//example.com/a"),
        (f"{PREFIX}/a", f"{PREFIX}/a"),
        ("mailto:a@b.c", "mailto:a@b.c"),
        ("http://[broken/", "http://[broken/"),
    ],
)
def test_urls_within_the_backend_lead_through_the_proxy(url: str, wanted: str) -> None:
    assert REWRITE(url) == wanted


@pytest.mark.parametrize(
    ("page", "wanted"),
    [
        ('<a href="/x">x</a>', f'<a href="{PREFIX}/x">x</a>'),
        ("<A CLASS=b HREF='/x?a=1&amp;b=2'>", f'<A CLASS=b HREF="{PREFIX}/x?a=1&amp;b=2">'),
        ("<img src=/x.png alt='/y'>", f"<img src=\"{PREFIX}/x.png\" alt='/y'>"),
        ('<script src="/x.js"></script>', f'<script src="{PREFIX}/x.js"></script>'),
        ('<form action="/do"><input src="/i">', f'<form action="{PREFIX}/do"><input src="{PREFIX}/i">'),
        ('<video poster="/p" src="/v"/>', f'<video poster="{PREFIX}/p" src="{PREFIX}/v"/>'),
        ('<p title="/x">/x</p>', '<p title="/x">/x</p>'),
        ('<!-- <a href="/x"> -->', '<!-- <a href="/x"> -->'),
        ("<script>a = '<a href=\"/x\">'</script>", "<script>a = '<a href=\"/x\">'</script>"),
        ('<a title=">" href="/x">', f'<a title=">" href="{PREFIX}/x">'),
        ('<a href="/unfinished <a href="/x">', '<a href="/unfinished <a href="/x">'),
        ('<!-- unfinished <a href="/x">', '<!-- unfinished <a href="/x">'),
    ],
)
def test_attributes_that_hold_urls_are_rewritten_and_nothing_else(page: str, wanted: str) -> None:
    assert proxy_html.links_rewritten(page.encode(), REWRITE).decode() == wanted


@given(st.binary(max_size=300))
def test_what_has_no_links_stays_byte_for_byte(page: bytes) -> None:
    assert proxy_html.links_rewritten(page, lambda url: url) == page


@given(
    st.lists(
        st.sampled_from([b"<a href=", b'"/x"', b">", b"<!--", b"-->", b"<script>", b"</script>", b"'", b'"'])
    )
)
def test_pages_of_any_shape_are_read_to_their_end(pieces: list[bytes]) -> None:
    page = b"".join(pieces)
    assert len(proxy_html.links_rewritten(page, REWRITE)) >= len(page)


def test_a_page_made_to_be_slow_is_not() -> None:
    page = b"<a " * 300_000
    began = time.process_time()
    assert proxy_html.links_rewritten(page, REWRITE) == page
    assert time.process_time() - began < 1
