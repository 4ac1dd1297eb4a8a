"""The API's refusals: words, codes, reasons and details of k8s.io/apimachinery/pkg/api/errors, and the way there and back."""

from __future__ import annotations

import pytest

from podling.api import errors, field, kinds
from podling.api.errors import ApiError
from podling.api.field import Path
from podling.api.types.meta_v1 import Status, StatusCause

CASES: list[tuple[ApiError, int, str, str]] = [
    (errors.NotFound(kinds.POD, "x"), 404, "NotFound", 'pods "x" not found'),
    (errors.NotFound(kinds.DEPLOYMENT, "x"), 404, "NotFound", 'deployments.apps "x" not found'),
    (errors.NotFound("widgets.example.com", "x"), 404, "NotFound", 'widgets.example.com "x" not found'),
    (errors.AlreadyExists(kinds.POD, "x"), 409, "AlreadyExists", 'pods "x" already exists'),
    (
        errors.Conflict(kinds.POD, "x"),
        409,
        "Conflict",
        'Operation cannot be fulfilled on pods "x": the object has been modified; '
        "please apply your changes to the latest version and try again",
    ),
    (errors.Forbidden(kinds.POD, "x", "no"), 403, "Forbidden", 'pods "x" is forbidden: no'),
    (errors.Forbidden(kinds.POD, "", "no"), 403, "Forbidden", "pods is forbidden: no"),
    (errors.Forbidden("", "", "no"), 403, "Forbidden", "forbidden: no"),
    (errors.BadRequest("bad"), 400, "BadRequest", "bad"),
    (errors.Unauthorized(), 401, "Unauthorized", "Unauthorized"),
    (
        errors.MethodNotAllowed(kinds.POD, "delete"),
        405,
        "MethodNotAllowed",
        'delete is not supported on resources of kind "pods"',
    ),
    (
        errors.NotAcceptable(["application/json", "application/yaml"]),
        406,
        "NotAcceptable",
        "only the following media types are accepted: application/json, application/yaml",
    ),
    (errors.Expired("too old resource version"), 410, "Expired", "too old resource version"),
    (errors.Gone("gone"), 410, "Gone", "gone"),
    (
        errors.RequestEntityTooLarge("limit is 3"),
        413,
        "RequestEntityTooLarge",
        "Request entity too large: limit is 3",
    ),
    (
        errors.UnsupportedMediaType(["a/b"]),
        415,
        "UnsupportedMediaType",
        "the body of the request was in an unknown format - accepted media types include: a/b",
    ),
    (errors.TooManyRequests("slow down"), 429, "TooManyRequests", "slow down"),
    (errors.InternalError("boom"), 500, "InternalError", "Internal error occurred: boom"),
    (
        errors.ServerTimeout(kinds.POD, "list"),
        500,
        "ServerTimeout",
        "The list operation against pods could not be completed at this time, please try again.",
    ),
    (errors.ServiceUnavailable("down"), 503, "ServiceUnavailable", "down"),
    (errors.Timeout("late"), 504, "Timeout", "Timeout: late"),
    (
        errors.TooLargeResourceVersion(9, 3),
        504,
        "Timeout",
        "Timeout: Too large resource version: 9, current: 3",
    ),
]


@pytest.mark.parametrize(("error", "code", "reason", "message"), CASES, ids=lambda case: type(case).__name__)
def test_words_code_and_reason(error: ApiError, code: int, reason: str, message: str) -> None:
    status = error.status()
    assert (status.code, status.reason, status.message, status.status) == (code, reason, message, "Failure")
    assert (status.kind, status.api_version) == ("Status", "v1")
    assert str(error) == message


@pytest.mark.parametrize("error", [case[0] for case in CASES], ids=lambda error: type(error).__name__)
def test_a_status_comes_back_as_the_error_it_was(error: ApiError) -> None:
    back = ApiError.from_status(error.status())
    assert isinstance(error, type(back))
    assert back.status() == error.status()


def test_details_name_the_resource_and_its_group() -> None:
    details = errors.NotFound(kinds.DEPLOYMENT, "x").status().details
    assert details is not None
    assert (details.group, details.kind, details.name) == ("apps", "deployments", "x")


def test_one_field_error_is_written_out_and_listed_as_a_cause() -> None:
    error = errors.Invalid(kinds.POD, "web", [field.required(Path("spec") / "containers" / 0 / "image")])
    status = error.status()
    assert status.code == 422
    assert status.message == 'Pod "web" is invalid: spec.containers[0].image: Required value'
    assert status.details is not None
    assert (status.details.kind, status.details.name) == ("Pod", "web")
    assert status.details.causes == [
        StatusCause(reason="FieldValueRequired", message="Required value", field="spec.containers[0].image")
    ]


def test_several_field_errors_are_bracketed() -> None:
    causes = [field.required(Path("a")), field.invalid(Path("b"), "x", "no")]
    error = errors.Invalid(kinds.DEPLOYMENT, "web", causes)
    assert str(error) == 'Deployment.apps "web" is invalid: [a: Required value, b: Invalid value: "x": no]'
    assert [cause.field for cause in error.causes] == ["a", "b"]


def test_invalid_without_causes_says_only_so() -> None:
    assert str(errors.Invalid("Widget.example.com", "w")) == 'Widget.example.com "w" is invalid'


def test_a_name_that_could_not_be_generated_asks_for_another_try() -> None:
    error = errors.AlreadyExists(kinds.POD, "web-", generated=True)
    assert str(error).endswith("the server was not able to generate a unique name for the object")
    assert error.retry_after_seconds == 1


def test_a_too_large_resource_version_tells_its_cause() -> None:
    error = errors.TooLargeResourceVersion(9, 3)
    assert error.has_cause("ResourceVersionTooLarge")
    assert error.retry_after_seconds == 1


def test_an_unknown_reason_falls_back_to_the_code() -> None:
    back = ApiError.from_status(Status(code=404, message="m", reason="Whatever"))
    assert isinstance(back, errors.NotFound)
    assert back.status().reason == "Whatever"
    assert type(ApiError.from_status(Status(code=418, message="tea"))) is ApiError


def test_an_expired_revision_is_also_gone() -> None:
    with pytest.raises(errors.Gone):
        raise errors.Expired("compacted")
