"""What can go wrong between this process and an API server, besides what the server itself says.

    ClientError
     +- ConnectionFault   the server was not reached, broke off, or did not answer in time; trying again may help
     +- ProtocolFault     what answered does not speak Kubernetes; trying again will not help
     +- ConfigFault       a kubeconfig or a credential cannot be used as it is

What the server itself refuses is `podling.api.errors.ApiError`, picked by the Status that it sent.
"""

from __future__ import annotations


class ClientError(Exception):
    """Something is wrong on the way to the API server."""


class ConnectionFault(ClientError):
    """The server was not reached, broke off, or did not answer in time. The request may or may not have taken effect."""


class ProtocolFault(ClientError):
    """The answer is not one that a Kubernetes API server gives."""


class ConfigFault(ClientError):
    """A kubeconfig, certificate or token cannot be read, understood or written."""
