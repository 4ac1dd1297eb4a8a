"""Certificate requests from the question to the certificate: who may approve and sign, what signers demand, when requests go.

Rows: conformance since v1.18, test/e2e/auth/certificates.go; API reference "Certificates and Certificate Signing Requests".
"""

import asyncio
import base64
import contextlib
import datetime

import msgspec
import pytest
from controllers_world import EPOCH, ControllersWorld
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from podling.api import errors
from podling.api.types import certificates_v1, rbac_v1
from podling.apiserver.request import UserInfo
from podling.testing.virtualtime import virtual

CSR = certificates_v1.CertificateSigningRequest
CLIENT, KUBELET = "kubernetes.io/kube-apiserver-client", "kubernetes.io/kube-apiserver-client-kubelet"
SERVING = "kubernetes.io/kubelet-serving"
USAGES = ["digital signature", "key encipherment", "client auth"]
KEY = ec.generate_private_key(ec.SECP256R1())


def name_of(common_name, *groups):
    return x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
        + [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    )


def asked(common_name, *groups, names=()):
    builder = x509.CertificateSigningRequestBuilder().subject_name(name_of(common_name, *groups))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(list(names)), critical=False)
    pem = builder.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    return base64.b64encode(pem).decode()


def authority(days=3650):
    begins = datetime.datetime.fromtimestamp(EPOCH, datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name_of("kubernetes"))
        .issuer_name(name_of("kubernetes"))
        .public_key(KEY.public_key())
        .serial_number(1)
        .not_valid_before(begins)
        .not_valid_after(begins + datetime.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(KEY, hashes.SHA256())
    )
    key = KEY.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {"root_ca": certificate.public_bytes(serialization.Encoding.PEM).decode(), "signing_key": key}


class Certificates:
    """A world whose controllers have an authority, and the requests in it."""

    def __init__(self, world):
        self.world = world
        self.resource = world.client.resource(CSR)

    async def ask(self, name, request, *, by=None, signer=CLIENT, usages=USAGES, **spec):
        resource = self.world.client_of(by).resource(CSR) if by else self.resource
        spec = {"request": request, "signerName": signer, "usages": usages, **spec}
        return await resource.create(msgspec.convert({"metadata": {"name": name}, "spec": spec}, CSR))

    async def decide(self, name, kind="Approved", *, by=None):
        resource = self.world.client_of(by).resource(CSR) if by else self.resource
        request = await self.resource.get(name)
        condition = {"type": kind, "status": "True", "reason": "Because"}
        request.status = msgspec.convert(
            {"conditions": [condition]}, certificates_v1.CertificateSigningRequestStatus
        )
        return await resource.update(request, subresource="approval")

    async def answer(self, name):
        await self.world.idle()
        return (await self.resource.get(name)).status

    async def certificate(self, name):
        return x509.load_pem_x509_certificate(base64.b64decode((await self.answer(name)).certificate))

    async def names(self):
        return {one.metadata.name for one in (await self.resource.list()).items}


@contextlib.asynccontextmanager
async def certificates(folder, **how):
    async with ControllersWorld(folder, with_agent=False, **authority(**how)) as world:
        yield Certificates(world)


def seconds(certificate):
    return certificate.not_valid_after_utc.timestamp() - certificate.not_valid_before_utc.timestamp()


@virtual
async def test_an_approved_request_gets_a_certificate_for_its_subject_and_usages(tmp_path):
    async with certificates(tmp_path) as ours:
        await ours.ask("jane", asked("jane", "dev", names=[x509.DNSName("jane.example")]))
        assert not (await ours.answer("jane")).conditions
        decided = await ours.decide("jane")
        assert decided.status.conditions[0].last_update_time is not None
        assert decided.status.conditions[0].last_transition_time is not None
        got = await ours.certificate("jane")
        assert got.subject == name_of("jane", "dev")
        got.verify_directly_issued_by(x509.load_pem_x509_certificate(ours.world.settings.root_ca.encode()))
        assert got.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
        usage = got.extensions.get_extension_for_class(x509.KeyUsage).value
        assert (usage.digital_signature, usage.key_encipherment, usage.key_cert_sign) == (True, True, False)
        purposes = got.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        assert [one.dotted_string for one in purposes] == ["1.3.6.1.5.5.7.3.2"]
        names = got.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert names.get_values_for_type(x509.DNSName) == ["jane.example"]
        assert seconds(got) == 365 * 24 * 3600


@virtual
async def test_a_certificate_lives_as_long_as_asked_but_no_longer_than_a_year(tmp_path):
    year, hour = 365 * 24 * 3600, 3600
    lives = {600: 600 + 300, 8 * hour: 8 * hour + 300, 24 * hour: 24 * hour, 2**31 - 1: year}
    async with certificates(tmp_path) as ours:
        for asked_for in lives:
            await ours.ask(f"for-{asked_for}", asked("jane"), expirationSeconds=asked_for)
            await ours.decide(f"for-{asked_for}")
        assert {one: seconds(await ours.certificate(f"for-{one}")) for one in lives} == lives


@virtual
async def test_no_certificate_outlives_its_authority(tmp_path):
    async with certificates(tmp_path, days=10) as ours:
        await ours.ask("jane", asked("jane"))
        await ours.decide("jane")
        assert (await ours.certificate("jane")).not_valid_after_utc.timestamp() == EPOCH + 10 * 24 * 3600


@virtual
async def test_a_denied_request_gets_none_and_a_decision_is_for_good(tmp_path):
    async with certificates(tmp_path) as ours:
        await ours.ask("jane", asked("jane"))
        await ours.decide("jane", "Denied")
        assert (await ours.answer("jane")).certificate is None
        with pytest.raises(errors.Invalid, match='updates may not remove a condition of type "Denied"'):
            await ours.decide("jane", "Approved")


BROKEN = [
    (CLIENT, asked("jane"), ["server auth"], "invalid usage for client certificate: server auth"),
    (
        CLIENT,
        asked("jane"),
        ["digital signature"],
        "missing required usage for client certificate: client auth",
    ),
    (KUBELET, asked("system:node:n", "dev"), USAGES, "subject organization is not system:nodes"),
    (KUBELET, asked("n", "system:nodes"), USAGES, "subject common name does not begin with system:node:"),
    (
        KUBELET,
        asked("system:node:n", "system:nodes", names=[x509.DNSName("n")]),
        USAGES,
        "DNS subjectAltNames are not allowed",
    ),
    (
        SERVING,
        asked("system:node:n", "system:nodes"),
        ["digital signature", "server auth"],
        "DNS or IP subjectAltName is required",
    ),
    (
        SERVING,
        asked("system:node:n", "system:nodes", names=[x509.DNSName("n")]),
        USAGES,
        "usages did not match [digital signature key encipherment server auth]",
    ),
]


@virtual
async def test_a_request_that_breaks_its_signers_rules_fails_and_says_why(tmp_path):
    async with certificates(tmp_path) as ours:
        for index, (signer, request, usages, _) in enumerate(BROKEN):
            await ours.ask(f"bad-{index}", request, signer=signer, usages=usages)
            await ours.decide(f"bad-{index}")
        for index, (*_, why) in enumerate(BROKEN):
            status = await ours.answer(f"bad-{index}")
            failed = status.conditions[-1]
            assert (failed.type, failed.reason, failed.message) == ("Failed", "SignerValidationFailure", why)
            assert status.certificate is None


@virtual
async def test_requests_of_other_signers_are_left_to_them(tmp_path):
    async with certificates(tmp_path) as ours:
        await ours.ask("other", asked("jane"), signer="example.com/mine")
        await ours.decide("other")
        assert (await ours.answer("other")).certificate is None


@virtual
async def test_nodes_renew_their_own_certificates_and_joining_nodes_get_their_first(tmp_path):
    """API reference, TLS bootstrapping: the cluster roles of that name, bound as upstream's guides bind them."""
    async with certificates(tmp_path) as ours:
        bindings = ours.world.client.resource(rbac_v1.ClusterRoleBinding)
        for role, group in (("selfnodeclient", "system:nodes"), ("nodeclient", "system:bootstrappers")):
            subject = {"kind": "Group", "name": group, "apiGroup": "rbac.authorization.k8s.io"}
            full = f"system:certificates.k8s.io:certificatesigningrequests:{role}"
            reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": full}
            body = {"metadata": {"name": role}, "roleRef": reference, "subjects": [subject]}
            await bindings.create(msgspec.convert(body, rbac_v1.ClusterRoleBinding))
        node = UserInfo("system:node:n1", groups=("system:nodes", "system:authenticated"))
        joining = UserInfo("system:bootstrap:abc", groups=("system:bootstrappers", "system:authenticated"))
        stranger = UserInfo("jane", groups=("system:authenticated", "system:masters"))
        own = asked("system:node:n1", "system:nodes")
        await ours.ask("own", own, by=node, signer=KUBELET)
        await ours.ask("stranger", own, by=stranger, signer=KUBELET, usages=["client auth", "signing"])
        may_ask = {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": "system:node-bootstrapper",
        }
        subject = {"kind": "Group", "name": "system:bootstrappers", "apiGroup": "rbac.authorization.k8s.io"}
        body = {"metadata": {"name": "ask"}, "roleRef": may_ask, "subjects": [subject]}
        await bindings.create(msgspec.convert(body, rbac_v1.ClusterRoleBinding))
        await ours.ask("first", asked("system:node:n2", "system:nodes"), by=joining, signer=KUBELET)
        status = await ours.answer("own")
        approved = status.conditions[0]
        assert (approved.type, approved.reason) == ("Approved", "AutoApproved")
        assert approved.message == "Auto approving self kubelet client certificate after SubjectAccessReview."
        assert (await ours.certificate("own")).subject == name_of("system:node:n1", "system:nodes")
        first = (await ours.answer("first")).conditions[0]
        assert first.message == "Auto approving kubelet client certificate after SubjectAccessReview."
        assert not (await ours.answer("stranger")).conditions


@virtual
async def test_who_may_not_approve_for_a_signer_is_told_so(tmp_path):
    """The right to write `approval` alone is not enough: signers are a resource with the verbs approve and sign."""
    async with certificates(tmp_path) as ours:
        rules = [
            {
                "apiGroups": ["certificates.k8s.io"],
                "resources": ["certificatesigningrequests/approval", "certificatesigningrequests/status"],
                "verbs": ["update"],
            },
            {
                "apiGroups": ["certificates.k8s.io"],
                "resources": ["signers"],
                "verbs": ["approve"],
                "resourceNames": ["example.com/*"],
            },
        ]
        role = msgspec.convert({"metadata": {"name": "approver"}, "rules": rules}, rbac_v1.ClusterRole)
        await ours.world.client.resource(rbac_v1.ClusterRole).create(role)
        body = {
            "metadata": {"name": "approver"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "approver"},
            "subjects": [{"kind": "User", "name": "ann", "apiGroup": "rbac.authorization.k8s.io"}],
        }
        await ours.world.client.resource(rbac_v1.ClusterRoleBinding).create(
            msgspec.convert(body, rbac_v1.ClusterRoleBinding)
        )
        ann = UserInfo("ann", groups=("system:authenticated",))
        await ours.ask("ours", asked("jane"))
        await ours.ask("theirs", asked("jane"), signer="example.com/mine")
        with pytest.raises(
            errors.Forbidden, match=f'user not permitted to approve requests with signerName "{CLIENT}"'
        ):
            await ours.decide("ours", by=ann)
        assert (await ours.decide("theirs", by=ann)).status.conditions[0].type == "Approved"
        signed = await ours.resource.get("theirs")
        signed.status.certificate = base64.b64encode(ours.world.settings.root_ca.encode()).decode()
        with pytest.raises(errors.Forbidden, match="user not permitted to sign requests"):
            await ours.world.client_of(ann).resource(CSR).update(signed, subresource="status")


@virtual
async def test_nobody_becomes_an_administrator_by_asking(tmp_path):
    async with certificates(tmp_path) as ours:
        why = f"use of {CLIENT} signer with system:masters group is not allowed"
        with pytest.raises(errors.Forbidden, match=why):
            await ours.ask("root", asked("root", "system:masters"))


@virtual
async def test_requests_go_an_hour_after_their_answer_or_after_a_day_without_one(tmp_path):
    async with certificates(tmp_path) as ours:
        for name in ("approved", "denied", "pending", "unsigned", "short"):
            signer = "example.com/mine" if name == "unsigned" else CLIENT
            life = {"expirationSeconds": 600} if name == "short" else {}
            await ours.ask(name, asked("jane"), signer=signer, **life)
        for name in ("approved", "unsigned", "short"):
            await ours.decide(name)
        await ours.decide("denied", "Denied")
        clock, left = ours.world.clock, {}
        for minutes in (15, 59, 61, 23 * 60, 24 * 60 + 5):
            await asyncio.sleep(EPOCH + minutes * 60 - clock.now())
            await ours.world.controllers.wait_idle()
            left[minutes] = await ours.names()
        assert left[15] == left[59] == {"approved", "denied", "pending", "unsigned"}
        assert left[61] == left[23 * 60] == {"pending", "unsigned"}
        assert left[24 * 60 + 5] == {"unsigned"}


REFUSED = [
    ({"request": base64.b64encode(b"nonsense").decode()}, "PEM block type must be CERTIFICATE REQUEST"),
    ({"usages": []}, "spec.usages: Required value"),
    (
        {"usages": ["client auth", "fly"]},
        'spec.usages\\[1\\]: Unsupported value: "fly": supported values: "any", ',
    ),
    ({"usages": ["any", "any"]}, 'spec.usages\\[1\\]: Duplicate value: "any"'),
    ({"signerName": ""}, "spec.signerName: Required value"),
    (
        {"signerName": "mine"},
        "must be a fully qualified domain and path of the form 'example.com/signer-name'",
    ),
    ({"signerName": "example/mine"}, "should be a domain with at least two segments separated by dots"),
    (
        {"signerName": "kubernetes.io/legacy-unknown"},
        "the legacy signerName is not allowed via this API version",
    ),
    ({"expirationSeconds": 599}, "may not specify a duration less than 600 seconds \\(10 minutes\\)"),
]


@virtual
async def test_requests_are_refused_in_upstreams_words(tmp_path):
    async with certificates(tmp_path) as ours:
        for spec, why in REFUSED:
            given = {"request": asked("jane"), "signer": CLIENT, "usages": USAGES, **spec}
            given["signer"] = given.pop("signerName", given["signer"])
            with pytest.raises(errors.Invalid, match=why):
                await ours.ask("bad", **given)
