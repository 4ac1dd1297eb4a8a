"""Defaults of webhook configurations and admission policies."""

from __future__ import annotations

from podling.api.types import admissionregistration_v1, meta_v1

PORT = 443
TIMEOUT_SECONDS = 10


def mutating(body: admissionregistration_v1.MutatingWebhookConfiguration) -> None:
    for webhook in body.webhooks or ():
        _webhook(webhook)
        webhook.reinvocation_policy = webhook.reinvocation_policy or "Never"


def validating(body: admissionregistration_v1.ValidatingWebhookConfiguration) -> None:
    for webhook in body.webhooks or ():
        _webhook(webhook)


def policy(
    body: admissionregistration_v1.MutatingAdmissionPolicy
    | admissionregistration_v1.ValidatingAdmissionPolicy,
) -> None:
    if body.spec is not None:
        body.spec.failure_policy = body.spec.failure_policy or "Fail"
        _match(body.spec.match_constraints)


def policy_binding(
    body: admissionregistration_v1.MutatingAdmissionPolicyBinding
    | admissionregistration_v1.ValidatingAdmissionPolicyBinding,
) -> None:
    if body.spec is not None:
        _match(body.spec.match_resources)


def _webhook(
    webhook: admissionregistration_v1.MutatingWebhook | admissionregistration_v1.ValidatingWebhook,
) -> None:
    webhook.failure_policy = webhook.failure_policy or "Fail"
    webhook.match_policy = webhook.match_policy or "Equivalent"
    webhook.namespace_selector = webhook.namespace_selector or meta_v1.LabelSelector()
    webhook.object_selector = webhook.object_selector or meta_v1.LabelSelector()
    if webhook.timeout_seconds is None:
        webhook.timeout_seconds = TIMEOUT_SECONDS
    for rule in webhook.rules or ():
        rule.scope = rule.scope or "*"
    if webhook.client_config.service is not None and webhook.client_config.service.port is None:
        webhook.client_config.service.port = PORT


def _match(resources: admissionregistration_v1.MatchResources | None) -> None:
    if resources is None:
        return
    resources.match_policy = resources.match_policy or "Equivalent"
    resources.namespace_selector = resources.namespace_selector or meta_v1.LabelSelector()
    resources.object_selector = resources.object_selector or meta_v1.LabelSelector()
    for rule in (*(resources.resource_rules or ()), *(resources.exclude_resource_rules or ())):
        rule.scope = rule.scope or "*"


DEFAULTS = {
    "MutatingAdmissionPolicy": policy,
    "MutatingAdmissionPolicyBinding": policy_binding,
    "MutatingWebhookConfiguration": mutating,
    "ValidatingAdmissionPolicy": policy,
    "ValidatingAdmissionPolicyBinding": policy_binding,
    "ValidatingWebhookConfiguration": validating,
}
