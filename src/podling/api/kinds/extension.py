"""Groups that extend the API or guard it: admissionregistration, apiextensions, apiregistration, flowcontrol."""

from __future__ import annotations

from .row import Kind, builtin

_EXTENSIONS = ("api-extensions",)


def _admission(name: str, plural: str, version: str = "v1", subresources: tuple[str, ...] = ()) -> Kind:
    return builtin(
        f"admissionregistration.k8s.io/{version}",
        name,
        plural,
        namespaced=False,
        categories=_EXTENSIONS,
        subresources=subresources,
        storage_version="admissionregistration.k8s.io/v1",
        convert="" if version == "v1" else "same",
        generation=True,
        unconditional_update=False,
    )


MUTATING_ADMISSION_POLICY = _admission("MutatingAdmissionPolicy", "mutatingadmissionpolicies")
MUTATING_ADMISSION_POLICY_BINDING = _admission(
    "MutatingAdmissionPolicyBinding", "mutatingadmissionpolicybindings"
)
MUTATING_WEBHOOK_CONFIGURATION = _admission("MutatingWebhookConfiguration", "mutatingwebhookconfigurations")
VALIDATING_ADMISSION_POLICY = _admission(
    "ValidatingAdmissionPolicy", "validatingadmissionpolicies", subresources=("status",)
)
VALIDATING_ADMISSION_POLICY_BINDING = _admission(
    "ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings"
)
VALIDATING_WEBHOOK_CONFIGURATION = _admission(
    "ValidatingWebhookConfiguration", "validatingwebhookconfigurations"
)
MUTATING_ADMISSION_POLICY_V1BETA1 = _admission(
    "MutatingAdmissionPolicy", "mutatingadmissionpolicies", "v1beta1"
)
MUTATING_ADMISSION_POLICY_BINDING_V1BETA1 = _admission(
    "MutatingAdmissionPolicyBinding", "mutatingadmissionpolicybindings", "v1beta1"
)
MUTATING_ADMISSION_POLICY_V1ALPHA1 = _admission(
    "MutatingAdmissionPolicy", "mutatingadmissionpolicies", "v1alpha1"
)
MUTATING_ADMISSION_POLICY_BINDING_V1ALPHA1 = _admission(
    "MutatingAdmissionPolicyBinding", "mutatingadmissionpolicybindings", "v1alpha1"
)

CUSTOM_RESOURCE_DEFINITION = builtin(
    "apiextensions.k8s.io/v1",
    "CustomResourceDefinition",
    "customresourcedefinitions",
    namespaced=False,
    short=("crd", "crds"),
    categories=_EXTENSIONS,
    subresources=("status",),
    prefix="apiextensions.k8s.io/customresourcedefinitions",
    generation=True,
    unconditional_update=False,
)

API_SERVICE = builtin(
    "apiregistration.k8s.io/v1",
    "APIService",
    "apiservices",
    namespaced=False,
    categories=_EXTENSIONS,
    subresources=("status",),
    prefix="apiregistration.k8s.io/apiservices",
    unconditional_update=False,
)

FLOW_SCHEMA = builtin(
    "flowcontrol.apiserver.k8s.io/v1",
    "FlowSchema",
    "flowschemas",
    namespaced=False,
    subresources=("status",),
    generation=True,
    unconditional_update=False,
)
PRIORITY_LEVEL_CONFIGURATION = builtin(
    "flowcontrol.apiserver.k8s.io/v1",
    "PriorityLevelConfiguration",
    "prioritylevelconfigurations",
    namespaced=False,
    subresources=("status",),
    generation=True,
    unconditional_update=False,
)
