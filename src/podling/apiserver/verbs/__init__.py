"""What can be done to a resource itself, one verb a module; each is a function from a `Call` to a `Response`."""

from __future__ import annotations

from podling.apiserver.call import Serve

from . import create, delete, deletecollection, get, patch, update, watch
from . import list as list_

VERBS: dict[str, Serve] = {
    "create": create.serve,
    "delete": delete.serve,
    "deletecollection": deletecollection.serve,
    "get": get.serve,
    "list": list_.serve,
    "patch": patch.serve,
    "update": update.serve,
    "watch": watch.serve,
}
