"""CertificateSigningRequests: nodes' own are approved, approved ones signed, old ones removed.

Three controllers, named as upstream's: `approval`, `signer`, `cleaner`.  `authority` makes the certificates.
"""

from __future__ import annotations

from . import approval, cleaner, signer

__all__ = ["approval", "cleaner", "signer"]
