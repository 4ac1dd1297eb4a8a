"""Server-side apply: what an object becomes when a manager says which fields it wants.

`faults` judges the configuration, `onto` merges it into the live object, takes away what its manager no longer
wants and nobody else owns, finds the conflicts, and says who owns what afterwards. Everything works on plain JSON in the version
of the request; decoding, defaulting, admission and storing come after it and belong to the API server.

    configuration ── typed ──> owned ────────────┐
    live object ──── merging ──> pruning ──> conflicts ──> document and managedFields

The rules are those of structured-merge-diff v6 and of k8s.io/apimachinery/pkg/util/managedfields.
"""

from . import scale
from .conflicts import Conflict, message
from .merging import merge
from .operation import Applied, Applier, Context, onto
from .owned import owned
from .pruning import without
from .shape import root
from .typed import faults

__all__ = [
    "Applied",
    "Applier",
    "Conflict",
    "Context",
    "faults",
    "merge",
    "message",
    "onto",
    "owned",
    "root",
    "scale",
    "without",
]
