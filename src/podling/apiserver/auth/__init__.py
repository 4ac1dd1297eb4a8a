"""Who asks and whether they may.

    authenticate   request -> user            certificates, tokens (``tokens``), anonymous; ``impersonate`` on top
    authorize      user, request -> yes or no system:masters, ``rbac``, ``node``; the refusal in upstream's words
    reviews        the same questions asked through the API
    escalation     nobody gives others more than they have themselves
    bootstrap      the roles and bindings of a new cluster

All of it is synchronous and keeps no state of the store's: ``Rbac`` is told of changes, everything else asks through
the functions that it was given.
"""

from .authenticate import Authenticator
from .authorize import Authorizer
from .node import NodeAuthorizer
from .rbac import Rbac
from .tokens import Claims, Reference, ServiceAccountTokens

__all__ = [
    "Authenticator",
    "Authorizer",
    "Claims",
    "NodeAuthorizer",
    "Rbac",
    "Reference",
    "ServiceAccountTokens",
]
