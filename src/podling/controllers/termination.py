"""What controllers that fill namespaces must know about one that is going away."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from podling.api.errors import Forbidden, NotFound
from podling.api.types import core_v1

TERMINATING_CAUSE = "NamespaceTerminating"


def is_terminating(namespace: core_v1.Namespace) -> bool:
    return namespace.metadata.deletion_timestamp is not None


def accepts_content(namespace: core_v1.Namespace) -> bool:
    """Whether new objects may be made in it."""
    phase = namespace.status.phase if namespace.status else None
    return not is_terminating(namespace) and phase != "Terminating"


@contextlib.contextmanager
def ignoring_termination() -> Iterator[None]:
    """Pass over the refusal to write into a namespace that is going away or gone: our informer just has not heard yet."""
    try:
        yield
    except NotFound:
        return
    except Forbidden as error:
        if not error.has_cause(TERMINATING_CAUSE):
            raise
