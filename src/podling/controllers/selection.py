"""Which controllers run (pure): the syntax and the meaning of `kube-controller-manager --controllers`.

A comma-separated list: `*` all of them, `foo` this one, `-foo` not this one; the first word about a controller holds. A list that only
says which do not run means all others (upstream would run none, which nobody can want). Besides their own names
controllers answer to the short ones that they had before v1.28 (upstream's ControllerAliases).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

ALL = "*"
SUFFIX = "-controller"
ALIASES: Mapping[str, str] = {
    "attachdetach": "persistentvolume-attach-detach-controller",
    "endpoint": "endpoints-controller",
    "endpointslicemirroring": "endpointslice-mirroring-controller",
    "garbagecollector": "garbage-collector-controller",
    "horizontalpodautoscaling": "horizontal-pod-autoscaler-controller",
    "nodelifecycle": "node-lifecycle-controller",
    "podgc": "pod-garbage-collector-controller",
    "root-ca-cert-publisher": "root-ca-certificate-publisher-controller",
}
"""Short names that are more than the name without its ending."""


class UnknownController(ValueError):
    """A word of the list names none."""


def selected(words: Iterable[str], known: Collection[str]) -> tuple[str, ...]:
    """Those of `known` that run, in their order. Raises UnknownController."""
    wishes = [_wish(word, known) for word in words]
    has_all = (ALL, True) in wishes or not any(runs for _, runs in wishes)
    runs = dict(reversed(wishes))  # so that the first word about one is the last to be set
    return tuple(name for name in known if runs.get(name, has_all))


def _wish(word: str, known: Collection[str]) -> tuple[str, bool]:
    """The controller that a word is about, or ALL, and whether it is to run."""
    word = word.strip()
    if word == ALL:
        return ALL, True
    bare = word.removeprefix("-")
    name = next((each for each in (bare, ALIASES.get(bare), bare + SUFFIX) if each in known), None)
    if name is None:
        raise UnknownController(
            f'"{bare}" is not in the list of known controllers: {", ".join(sorted(known))}'
        )
    return name, bare == word
