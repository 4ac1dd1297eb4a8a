"""What can go wrong with a node's network.

``NetworkFault`` is an ``OSError``: a runtime, which may not import this package, catches it at its own boundary.
"""

from __future__ import annotations


# NetworkFault (an OSError)
# ├── NotPermitted        the kernel refuses; the message says what is missing
# ├── RangeInUse          the machine already uses addresses of the wanted range
# ├── AddressesExhausted  every address of the node's Pod range is taken
# ├── NotSupported        the Pod asks for something this network cannot do; named in the message
# └── RulesRefused        nft did not take the rules
class NetworkFault(OSError):
    """A Pod or node could not be connected; the message reads "cannot <verb> <what>: <why>"."""


class NotPermitted(NetworkFault):
    """The kernel refuses: a capability or a module is missing."""


class RangeInUse(NetworkFault):
    """The machine already has routes or addresses inside the wanted range."""


class AddressesExhausted(NetworkFault):
    """Every address of the node's Pod range is taken."""


class NotSupported(NetworkFault):
    """The Pod asks for something that this network cannot do."""


class RulesRefused(NetworkFault):
    """nft is missing or did not take the rules."""
