"""Control groups of version 1, hybrid and version 2, behind one face.

``layout`` finds what the machine has, ``limits`` (pure) says which files a set of resources means there, ``tree``
makes, limits, freezes, kills and removes groups below one root, ``usage`` reads what they consumed, ``warmth`` spares
the start of a container a wait in the kernel.  The groups of
containers themselves are made by the OCI runtime below a Pod's group that ``tree`` made.
"""

from .layout import Hierarchy, Layout, Mode, detect, parse
from .tree import CgroupFault, CgroupTree
from .usage import Usage
from .warmth import Warmth

__all__ = ["CgroupFault", "CgroupTree", "Hierarchy", "Layout", "Mode", "Usage", "Warmth", "detect", "parse"]
