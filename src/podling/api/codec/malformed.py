"""What is wrong with a text that cannot be an object."""

from __future__ import annotations


class Malformed(ValueError):
    """The text is not of the type it should be; the message is in the words of Go's JSON decoder."""


class NotJson(Malformed):
    """The text is no JSON at all, or not an object."""
