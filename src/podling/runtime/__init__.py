"""Container runtimes behind one CRI-shaped interface (``interface``): ``oci``, ``process``, ``simulated``; ``images``."""
