"""What the API answers when it refuses, and the exception each answer is.

    ApiError
    ├── BadRequest 400               ├── Gone 410
    ├── Unauthorized 401             │   └── Expired 410
    ├── Forbidden 403                ├── RequestEntityTooLarge 413
    ├── NotFound 404                 ├── UnsupportedMediaType 415
    ├── MethodNotAllowed 405         ├── Invalid 422
    ├── NotAcceptable 406            ├── TooManyRequests 429
    ├── Conflict 409                 ├── InternalError 500
    ├── AlreadyExists 409            ├── ServerTimeout 500
    │                                ├── ServiceUnavailable 503
    │                                └── Timeout 504

The server raises them and writes `.status()`; the client reads a Status and raises `ApiError.from_status(...)`, so both sides catch the same
classes. Codes, reasons and words are those of k8s.io/apimachinery/pkg/api/errors. A resource is given as its row of the table of kinds, or
as text where there is none (`"pods"`, `"widgets.example.com"`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from . import field
from .gotext import quote
from .kinds import Kind
from .types.meta_v1 import Status, StatusCause, StatusDetails

Target = Kind | str

MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"
"""Why an update against an old resourceVersion fails."""


def _resource(target: Target) -> str:
    return target.resource if isinstance(target, Kind) else target


def _details(target: Target, name: str) -> StatusDetails:
    if isinstance(target, Kind):
        plural, group = target.plural, target.group
    else:
        plural, _, group = target.partition(".")
    return StatusDetails(group=group or None, kind=plural or None, name=name or None)


class ApiError(Exception):
    """A refusal with everything a Status carries."""

    code: int = 500
    reason: str = ""

    def __init__(self, message: str, *, details: StatusDetails | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.details = details

    def status(self) -> Status:
        """The Status to send."""
        return Status(
            status="Failure",
            message=self.message,
            reason=self.reason or None,
            details=self.details,
            code=self.code,
        )

    @property
    def causes(self) -> Sequence[StatusCause]:
        return (self.details.causes or ()) if self.details else ()

    @property
    def retry_after_seconds(self) -> int | None:
        """How long the server asks to wait, if it does."""
        return self.details.retry_after_seconds if self.details else None

    def has_cause(self, reason: str) -> bool:
        return any(cause.reason == reason for cause in self.causes)

    @staticmethod
    def from_status(status: Status) -> ApiError:
        """The error behind a Status received: by its reason, or where that says nothing by its code."""
        code = status.code or 500
        kind = _BY_REASON.get(status.reason or "") or _BY_CODE.get(code, ApiError)
        error = kind.__new__(kind)
        ApiError.__init__(error, status.message or f"the server answered {code}", details=status.details)
        error.code = code
        error.reason = status.reason or ""
        return error


class BadRequest(ApiError):
    code = 400
    reason = "BadRequest"


class Unauthorized(ApiError):
    code = 401
    reason = "Unauthorized"

    def __init__(self, message: str = "Unauthorized") -> None:
        super().__init__(message)


class Forbidden(ApiError):
    code = 403
    reason = "Forbidden"

    def __init__(self, target: Target, name: str, why: str) -> None:
        """`pods "x" is forbidden: why`; the name, or the resource too, may be empty."""
        resource = _resource(target)
        if not resource:
            what = "forbidden"
        elif not name:
            what = f"{resource} is forbidden"
        else:
            what = f"{resource} {quote(name)} is forbidden"
        super().__init__(f"{what}: {why}", details=_details(target, name))


class NotFound(ApiError):
    code = 404
    reason = "NotFound"

    def __init__(self, target: Target, name: str) -> None:
        super().__init__(f"{_resource(target)} {quote(name)} not found", details=_details(target, name))


class NoSuchResource(NotFound):
    """Nothing is served under the path."""

    def __init__(self) -> None:
        ApiError.__init__(self, "the server could not find the requested resource", details=StatusDetails())


class MethodNotAllowed(ApiError):
    code = 405
    reason = "MethodNotAllowed"

    def __init__(self, target: Target, action: str) -> None:
        words = f"{action} is not supported on resources of kind {quote(_resource(target))}"
        super().__init__(words, details=_details(target, ""))


class NotAcceptable(ApiError):
    code = 406
    reason = "NotAcceptable"

    def __init__(self, offered: Iterable[str]) -> None:
        super().__init__(f"only the following media types are accepted: {', '.join(offered)}")


class Conflict(ApiError):
    code = 409
    reason = "Conflict"

    def __init__(self, target: Target, name: str, why: str = MODIFIED) -> None:
        words = f"Operation cannot be fulfilled on {_resource(target)} {quote(name)}: {why}"
        super().__init__(words, details=_details(target, name))


class ApplyConflict(Conflict):
    """Other managers own fields that an apply wants to set."""

    def __init__(self, causes: list[StatusCause], message: str) -> None:
        ApiError.__init__(self, message, details=StatusDetails(causes=causes))


class AlreadyExists(ApiError):
    code = 409
    reason = "AlreadyExists"

    def __init__(self, target: Target, name: str, *, generated: bool = False) -> None:
        """`generated`: the server made the name up and ran out of tries."""
        words = f"{_resource(target)} {quote(name)} already exists"
        details = _details(target, name)
        if generated:
            words += ", the server was not able to generate a unique name for the object"
            details.retry_after_seconds = 1
        super().__init__(words, details=details)


class Gone(ApiError):
    code = 410
    reason = "Gone"


class Expired(Gone):
    """The revision asked for has been compacted."""

    reason = "Expired"


class RequestEntityTooLarge(ApiError):
    code = 413
    reason = "RequestEntityTooLarge"

    def __init__(self, why: str) -> None:
        super().__init__(f"Request entity too large: {why}")


class UnsupportedMediaType(ApiError):
    code = 415
    reason = "UnsupportedMediaType"

    def __init__(self, accepted: Iterable[str]) -> None:
        words = "the body of the request was in an unknown format - accepted media types include: "
        super().__init__(words + ", ".join(accepted))


class Invalid(ApiError):
    code = 422
    reason = "Invalid"

    def __init__(self, target: Target, name: str, causes: Sequence[field.FieldError] = ()) -> None:
        """Here a text target is a qualified kind (`Widget.example.com`), not a resource."""
        if isinstance(target, Kind):
            kind, group = target.kind, target.group
        else:
            kind, _, group = target.partition(".")
        qualified = f"{kind}.{group}" if group else kind
        words = f"{qualified} {quote(name)} is invalid"
        if causes:
            words += f": {field.aggregate(causes)}"
        told = [
            StatusCause(reason=cause.type.value, message=cause.body, field=cause.field) for cause in causes
        ]
        details = StatusDetails(
            group=group or None, kind=kind or None, name=name or None, causes=told or None
        )
        super().__init__(words, details=details)


class UnprocessablePatch(Invalid):
    """A patch that can be read but not applied, as when its test fails. Upstream's message is general; the cause tells why."""

    def __init__(self, why: str) -> None:
        words = "the server rejected our request due to an error in our request"
        ApiError.__init__(self, words, details=StatusDetails(causes=[StatusCause(message=why)]))


class TooManyRequests(ApiError):
    code = 429
    reason = "TooManyRequests"

    def __init__(self, message: str, *, retry_after_seconds: int = 1) -> None:
        super().__init__(message, details=StatusDetails(retry_after_seconds=retry_after_seconds or None))


class InternalError(ApiError):
    code = 500
    reason = "InternalError"

    def __init__(self, why: str) -> None:
        details = StatusDetails(causes=[StatusCause(message=why)])
        super().__init__(f"Internal error occurred: {why}", details=details)


class ServerTimeout(ApiError):
    """The server could not finish in time for a passing reason; nothing was done."""

    code = 500
    reason = "ServerTimeout"

    def __init__(self, target: Target, operation: str, *, retry_after_seconds: int = 1) -> None:
        words = f"The {operation} operation against {_resource(target)} could not be completed at this time, please try again."
        details = _details(target, operation)
        details.retry_after_seconds = retry_after_seconds
        super().__init__(words, details=details)


class ServiceUnavailable(ApiError):
    code = 503
    reason = "ServiceUnavailable"


class Timeout(ApiError):
    """The time was up; whether anything was done is not known."""

    code = 504
    reason = "Timeout"

    def __init__(self, why: str, *, retry_after_seconds: int = 0) -> None:
        super().__init__(
            f"Timeout: {why}", details=StatusDetails(retry_after_seconds=retry_after_seconds or None)
        )


class TooLargeResourceVersion(Timeout):
    """The client has seen a newer revision than this server has."""

    CAUSE: ClassVar[str] = "ResourceVersionTooLarge"

    def __init__(self, wanted: int, current: int, *, retry_after_seconds: int = 1) -> None:
        super().__init__(
            f"Too large resource version: {wanted}, current: {current}",
            retry_after_seconds=retry_after_seconds,
        )
        assert self.details is not None
        self.details.causes = [StatusCause(reason=self.CAUSE, message="Too large resource version")]


_REASONED: tuple[type[ApiError], ...] = (
    BadRequest,
    Unauthorized,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    NotAcceptable,
    Conflict,
    AlreadyExists,
    Expired,
    Gone,
    RequestEntityTooLarge,
    UnsupportedMediaType,
    Invalid,
    TooManyRequests,
    InternalError,
    ServerTimeout,
    ServiceUnavailable,
    Timeout,
)
_BY_REASON = {kind.reason: kind for kind in _REASONED}
_BY_CODE: dict[int, type[ApiError]] = {}
for _kind in _REASONED:
    _BY_CODE.setdefault(_kind.code, _kind)
