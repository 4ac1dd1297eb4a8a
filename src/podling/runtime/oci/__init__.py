"""The default runtime: real containers by conmon and crun (else runc), see ``runtime``."""

from .config import OciConfig
from .runtime import OciRuntime

__all__ = ["OciConfig", "OciRuntime"]
