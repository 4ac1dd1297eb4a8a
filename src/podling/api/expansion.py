"""`$(VAR)` in a container's command, arguments and environment.

`$(NAME)` becomes the variable's value; `$$` stands for one dollar sign, so `$$(NAME)` is the text `$(NAME)`. A reference to a variable that
is not there stays as it is, and so does anything that is no complete reference (k8s.io/kubernetes/third_party/forked/golang/expansion).
"""

from __future__ import annotations

from collections.abc import Mapping


def expand(text: str, variables: Mapping[str, str]) -> str:
    """The text with its references replaced. Values are put in as they are and not expanded again."""
    if "$" not in text:
        return text
    out: list[str] = []
    at = 0
    while True:
        dollar = text.find("$", at)
        if dollar < 0 or dollar + 1 >= len(text):
            out.append(text[at:])
            return "".join(out)
        out.append(text[at:dollar])
        piece, at = _reference(text, dollar, variables)
        out.append(piece)


def _reference(text: str, dollar: int, variables: Mapping[str, str]) -> tuple[str, int]:
    """What the dollar sign at `dollar` (which is not the last character) turns into, and where to go on."""
    following = text[dollar + 1]
    if following == "$":
        return "$", dollar + 2
    if following != "(":
        return "$" + following, dollar + 2
    close = text.find(")", dollar + 2)
    if close < 0:
        return "$(", dollar + 2
    name = text[dollar + 2 : close]
    return variables.get(name, f"$({name})"), close + 1
