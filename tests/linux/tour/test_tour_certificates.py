"""A user of one's own: a certificate request, `kubectl certificate`, and the certificate used (API reference, "normal user")."""

from __future__ import annotations

import base64
import json

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

pytestmark = [pytest.mark.kubectl, pytest.mark.linux]


def request(name, key, user):
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, user)])
    asked = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    pem = asked.public_bytes(serialization.Encoding.PEM)
    spec = {
        "request": base64.b64encode(pem).decode(),
        "signerName": "kubernetes.io/kube-apiserver-client",
        "usages": ["client auth"],
    }
    body = {"apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest"}
    return json.dumps({**body, "metadata": {"name": name}, "spec": spec})


def test_a_new_user_asks_for_a_certificate_is_approved_and_gets_in(kubectl, tmp_path):
    key = ec.generate_private_key(ec.SECP256R1())
    kubectl("apply", "-f", "-", input=request("ann", key, "ann"))
    kubectl("apply", "-f", "-", input=request("eve", key, "eve"))
    try:
        assert "Pending" in kubectl("get", "csr", "ann")
        assert "approved" in kubectl("certificate", "approve", "ann")
        assert "denied" in kubectl("certificate", "deny", "eve")
        kubectl("wait", "csr/ann", "--for=jsonpath={.status.certificate}", "--timeout=60s")
        assert "Approved,Issued" in kubectl("get", "csr", "ann")
        assert "Denied" in kubectl("get", "csr", "eve")
        issued = kubectl("get", "csr", "ann", "-o", "jsonpath={.status.certificate}")
        certificate, private = tmp_path / "ann.crt", tmp_path / "ann.key"
        certificate.write_bytes(base64.b64decode(issued))
        private.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        kubectl("create", "rolebinding", "ann", "--clusterrole=view", "--user=ann")
        config = tmp_path / "config"
        config.write_text(kubectl("config", "view", "--raw", "--minify"))
        own = {"KUBECONFIG": str(config)}
        files = (f"--client-certificate={certificate}", f"--client-key={private}")
        kubectl("config", "set-credentials", "ann", *files, env=own)
        assert "ann" in kubectl("auth", "whoami", "--user=ann", env=own)
        assert "yes" in kubectl("auth", "can-i", "list", "pods", "--user=ann", env=own)
        assert "cannot list" in kubectl("get", "nodes", "--user=ann", env=own, code=1)
    finally:
        kubectl("delete", "csr", "ann", "eve")
        kubectl("delete", "rolebinding", "ann", "--ignore-not-found")
