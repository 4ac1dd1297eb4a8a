"""The rules of PriorityLevelConfigurations (k8s.io/kubernetes/pkg/apis/flowcontrol/validation)."""

from __future__ import annotations

from collections.abc import Iterator

from podling.api import field
from podling.api.field import FieldError, Path
from podling.api.types import flowcontrol_v1
from podling.apiserver.fairness import bootstrap, dealing

from .flow_schema import conditions, same_as_fixed

MAX_QUEUES = 10**7
TYPES, RESPONSES = ("Exempt", "Limited"), ("Queue", "Reject")
_SPEC = Path("spec")
_POSITIVE, _NOT_NEGATIVE = "must be positive", "must be a non-negative integer"

Level = flowcontrol_v1.PriorityLevelConfiguration


def create(level: Level) -> Iterator[FieldError]:
    spec = level.spec
    if (level.metadata.name == bootstrap.EXEMPT) != (spec.type == "Exempt"):
        why = "type must be 'Exempt' if and only if name is 'exempt'"
        yield field.invalid(_SPEC / "type", spec.type, why)
    yield from _spec(spec)
    fixed = {one.metadata.name: one for one in bootstrap.mandatory_levels()}
    if level.metadata.name == bootstrap.EXEMPT:
        fixed.pop(bootstrap.EXEMPT)  # its shares may be changed
    yield from same_as_fixed(level, fixed)
    yield from conditions(level.status.conditions if level.status is not None else None)


def update(level: Level, old: Level) -> Iterator[FieldError]:
    yield from create(level)


def update_status(level: Level, old: Level) -> Iterator[FieldError]:
    yield from conditions(level.status.conditions if level.status is not None else None)


def _spec(spec: flowcontrol_v1.PriorityLevelConfigurationSpec) -> Iterator[FieldError]:
    if spec.type == "Exempt":
        if spec.limited is not None:
            yield field.forbidden(_SPEC / "limited", "must be nil if the type is not Limited")
        if spec.exempt is not None:
            yield from _shares(spec.exempt, _SPEC / "exempt")
    elif spec.type == "Limited":
        if spec.exempt is not None:
            yield field.forbidden(_SPEC / "exempt", "must be nil if the type is Limited")
        if spec.limited is None:
            yield field.required(_SPEC / "limited", "must not be empty when type is Limited")
        else:
            yield from _limited(spec.limited, _SPEC / "limited")
    else:
        yield field.not_supported(_SPEC / "type", spec.type, TYPES)


def _shares(
    given: flowcontrol_v1.ExemptPriorityLevelConfiguration | flowcontrol_v1.LimitedPriorityLevelConfiguration,
    path: Path,
) -> Iterator[FieldError]:
    shares, percent = given.nominal_concurrency_shares or 0, given.lendable_percent or 0
    if shares < 0:
        yield field.invalid(path / "nominalConcurrencyShares", shares, _NOT_NEGATIVE)
    if not 0 <= percent <= 100:
        yield field.invalid(path / "lendablePercent", percent, "must be between 0 and 100, inclusive")


def _limited(limited: flowcontrol_v1.LimitedPriorityLevelConfiguration, path: Path) -> Iterator[FieldError]:
    yield from _shares(limited, path)
    borrowing = limited.borrowing_limit_percent
    if borrowing is not None and borrowing < 0:
        why = "if specified, must be a non-negative integer"
        yield field.invalid(path / "borrowingLimitPercent", borrowing, why)
    response, path = limited.limit_response, path / "limitResponse"
    if response.type == "Reject":
        if response.queuing is not None:
            why = "must be nil if limited.limitResponse.type is not Limited"
            yield field.forbidden(path / "queuing", why)
    elif response.type == "Queue":
        if response.queuing is None:
            why = "must not be empty if limited.limitResponse.type is Limited"
            yield field.required(path / "queuing", why)
        else:
            yield from _queuing(response.queuing, path / "queuing")
    else:
        yield field.not_supported(path / "type", response.type, RESPONSES)


def _queuing(queuing: flowcontrol_v1.QueuingConfiguration, path: Path) -> Iterator[FieldError]:
    queues, hand = queuing.queues or 0, queuing.hand_size or 0
    if (queuing.queue_length_limit or 0) <= 0:
        yield field.invalid(path / "queueLengthLimit", queuing.queue_length_limit or 0, _POSITIVE)
    if queues <= 0:
        yield field.invalid(path / "queues", queues, _POSITIVE)
    elif queues > MAX_QUEUES:
        yield field.invalid(path / "queues", queues, f"must not be greater than {MAX_QUEUES}")
    if hand <= 0:
        yield field.invalid(path / "handSize", hand, _POSITIVE)
    elif hand > queues:
        yield field.invalid(path / "handSize", hand, f"should not be greater than queues ({queues})")
    elif dealing.entropy_bits(queues, hand) > dealing.MAX_BITS:
        why = (
            f"required entropy bits of deckSize {queues} and handSize {hand} "
            f"should not be greater than {dealing.MAX_BITS}"
        )
        yield field.invalid(path / "handSize", hand, why)
