"""Webhooks, admission policies, aggregated APIs, priority and fairness."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from podling.api import gotext

from .layout import AGE, NAME, NONE, UNSET, Cells, Column, Layout, age, name, number

if TYPE_CHECKING:
    from podling.api.types.admissionregistration_v1 import (
        MutatingAdmissionPolicy,
        MutatingWebhookConfiguration,
        ValidatingAdmissionPolicy,
        ValidatingWebhookConfiguration,
    )
    from podling.api.types.apiregistration_v1 import APIService
    from podling.api.types.flowcontrol_v1 import FlowSchema, PriorityLevelConfiguration


def _webhooks(obj: MutatingWebhookConfiguration | ValidatingWebhookConfiguration, now: float) -> Cells:
    return [name(obj), len(obj.webhooks or ()), age(obj, now)]


WEBHOOKS = Layout((NAME, number("Webhooks", "How many webhooks."), AGE), _webhooks)


def _param_kind(given: Any) -> str:
    return f"{given.api_version}/{given.kind}" if given is not None else UNSET


def _validating_policy(obj: ValidatingAdmissionPolicy, now: float) -> Cells:
    spec = obj.spec
    validations = len((spec.validations if spec else None) or ())
    return [name(obj), validations, _param_kind(spec.param_kind if spec else None), age(obj, now)]


_PARAM_KIND = Column("ParamKind", "The kind of its parameters.")

VALIDATING_POLICIES = Layout(
    (NAME, number("Validations", "How many rules."), _PARAM_KIND, AGE), _validating_policy
)


def _mutating_policy(obj: MutatingAdmissionPolicy, now: float) -> Cells:
    spec = obj.spec
    mutations = len((spec.mutations if spec else None) or ())
    return [name(obj), mutations, _param_kind(spec.param_kind if spec else None), age(obj, now)]


MUTATING_POLICIES = Layout(
    (NAME, number("Mutations", "How many changes."), _PARAM_KIND, AGE), _mutating_policy
)


def _policy_binding(obj: Any, now: float) -> Cells:
    spec = obj.spec
    given = spec.param_ref if spec else None
    parameters = UNSET
    if given is not None and given.name:
        parameters = f"{given.namespace or '*'}/{given.name}"
    elif given is not None and given.selector is not None:
        parameters = gotext.label_selector(given.selector)
    return [name(obj), (spec.policy_name if spec else None) or "", parameters, age(obj, now)]


POLICY_BINDINGS = Layout(
    (NAME, Column("PolicyName", "The policy that is bound."), Column("ParamRef", "Its parameters."), AGE),
    _policy_binding,
)


def _api_service(obj: APIService, now: float) -> Cells:
    service = obj.spec.service if obj.spec else None
    conditions = (obj.status.conditions if obj.status else None) or ()
    available = next((item for item in conditions if item.type == "Available"), None)
    state = "Unknown"
    if available is not None:
        state = available.status
        if state != "True" and available.reason:
            state = f"{state} ({available.reason})"
    return [name(obj), f"{service.namespace}/{service.name}" if service else "Local", state, age(obj, now)]


API_SERVICES = Layout(
    (
        NAME,
        Column("Service", "Who serves the version."),
        Column("Available", "Whether it can be reached."),
        AGE,
    ),
    _api_service,
)


def _flow_schema(obj: FlowSchema, now: float) -> Cells:
    spec = obj.spec
    method = spec.distinguisher_method if spec else None
    conditions = (obj.status.conditions if obj.status else None) or ()
    dangling = next((item.status or "" for item in conditions if item.type == "Dangling"), "?")
    return [
        name(obj),
        spec.priority_level_configuration.name if spec else "",
        (spec.matching_precedence if spec else None) or 0,
        method.type if method else NONE,
        age(obj, now),
        dangling,
    ]


def _precedence(obj: FlowSchema) -> tuple[int, str]:
    """Schemas are listed as they are tried."""
    return (obj.spec.matching_precedence if obj.spec else None) or 0, name(obj)


FLOW_SCHEMAS = Layout(
    (
        NAME,
        Column("PriorityLevel", "The level its requests have."),
        Column("MatchingPrecedence", "Schemas with smaller numbers are tried first."),
        Column("DistinguisherMethod", "What tells its flows apart."),
        AGE,
        Column("MissingPL", "Whether its level is missing."),
    ),
    _flow_schema,
    order=_precedence,
)


def _priority_level(obj: PriorityLevelConfiguration, now: float) -> Cells:
    spec = obj.spec
    limited = spec.limited if spec else None
    response = limited.limit_response if limited else None
    queuing = response.queuing if response else None
    return [
        name(obj),
        spec.type if spec else "",
        NONE if limited is None else limited.nominal_concurrency_shares or 0,
        NONE if queuing is None else queuing.queues or 0,
        NONE if queuing is None else queuing.hand_size or 0,
        NONE if queuing is None else queuing.queue_length_limit or 0,
        age(obj, now),
    ]


PRIORITY_LEVELS = Layout(
    (
        NAME,
        Column("Type", "Whether requests are limited."),
        Column("NominalConcurrencyShares", "Its share of the server."),
        Column("Queues", "How many queues."),
        Column("HandSize", "How many queues a flow may use."),
        Column("QueueLengthLimit", "How many requests may wait in each."),
        AGE,
    ),
    _priority_level,
)
