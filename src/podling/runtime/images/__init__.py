"""Images: names (``reference``), the store on disk (``content``), the ways in (``skopeo``, ``archive``, ``builtin``).

``ImageStore`` is the face; runtimes take a ``Rootfs`` from it.
"""

from .content import Rootfs
from .records import ImageConfig
from .reference import InvalidReference, Reference, parse
from .skopeo import Skopeo
from .store import ImageStore

__all__ = ["ImageConfig", "ImageStore", "InvalidReference", "Reference", "Rootfs", "Skopeo", "parse"]
