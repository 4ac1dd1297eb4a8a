"""What can go wrong in a runtime: one tree of errors, each with what the container's status says of it."""

from __future__ import annotations


# RuntimeFault
# ├── NotFound            the sandbox, container or image does not exist
# ├── Unsupported         this runtime cannot honour what was asked; `what` names the field
# ├── ImageFault          an image cannot be had or used; `reason` is the container status reason
# ├── CreateFault         the container could not be made (status reason CreateContainerError)
# ├── StartFault          the container was made but its process could not run (RunContainerError), `exit_code` 127/128
# ├── Timeout             an exec did not end in time
# └── Unavailable         the runtime itself cannot be reached
class RuntimeFault(Exception):
    """A runtime could not do what it was asked."""


class NotFound(RuntimeFault):
    """The sandbox, container or image does not exist."""


class Unsupported(RuntimeFault):
    """The runtime cannot honour a field of the request and refuses it by name."""

    def __init__(self, what: str, why: str) -> None:
        super().__init__(f"cannot honour {what}: {why}")
        self.what = what


class ImageFault(RuntimeFault):
    """An image cannot be pulled, read or used.

    ``reason`` is what the container status shows while waiting: ``ErrImagePull``, ``InvalidImageName``,
    ``ErrImageNeverPull``, ``RegistryUnavailable`` or ``SignatureValidationFailed``.
    """

    def __init__(self, message: str, *, reason: str = "ErrImagePull") -> None:
        super().__init__(message)
        self.reason = reason


class CreateFault(RuntimeFault):
    """A container could not be created."""


class StartFault(RuntimeFault):
    """A created container's process could not be started; it counts as exited with ``exit_code``."""

    def __init__(self, message: str, *, exit_code: int = 128) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Timeout(RuntimeFault):
    """A command run in a container did not end within its time."""


class Unavailable(RuntimeFault):
    """The runtime cannot be reached or is broken as a whole."""
