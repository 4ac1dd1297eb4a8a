"""Certificates: made once, renewed only when they must be, and good enough for a strict TLS client."""

import datetime
import ssl
from pathlib import Path

from cryptography import x509

from podling.cluster.pki import ADMIN, Pki, api_server

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
SERVER = api_server(service_ip="10.43.0.1", addresses=["10.42.0.1"], domain="cluster.local")


def made(folder: Path, now: datetime.datetime = NOW) -> Pki:
    pki = Pki(folder, now=now)
    pki.ensure_authority()
    pki.ensure("apiserver", SERVER)
    pki.ensure("admin", ADMIN)
    return pki


def test_what_is_valid_is_kept(tmp_path: Path) -> None:
    before = {path.name: path.read_bytes() for path in made(tmp_path).folder.iterdir()}
    after = {path.name: path.read_bytes() for path in made(tmp_path).folder.iterdir()}
    assert before == after
    assert set(before) == {
        "ca.crt",
        "ca.key",
        "sa.key",
        "apiserver.crt",
        "apiserver.key",
        "admin.crt",
        "admin.key",
    }


def test_keys_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    keys = list(made(tmp_path).folder.glob("*.key"))
    assert {path.stat().st_mode & 0o777 for path in keys} == {0o600}


def test_a_leaf_is_renewed_before_it_ends_and_the_authority_stays(tmp_path: Path) -> None:
    authority = made(tmp_path).ca_file.read_bytes()
    old = (tmp_path / "apiserver.crt").read_bytes()
    made(tmp_path, NOW + datetime.timedelta(days=3640))
    assert (tmp_path / "apiserver.crt").read_bytes() != old
    assert (tmp_path / "ca.crt").read_bytes() == authority


def test_a_new_address_of_the_server_gets_a_new_certificate(tmp_path: Path) -> None:
    pki = made(tmp_path)
    pki.ensure(
        "apiserver", api_server(service_ip="10.43.0.1", addresses=["192.0.2.7"], domain="cluster.local")
    )
    certificate = x509.load_pem_x509_certificate(pki.certificate_file("apiserver").read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "192.0.2.7" in [str(address) for address in names.get_values_for_type(x509.IPAddress)]


def test_the_administrator_is_a_master(tmp_path: Path) -> None:
    certificate = x509.load_pem_x509_certificate(made(tmp_path).certificate_file("admin").read_bytes())
    assert certificate.subject.rfc4514_string() == "CN=kubernetes-admin,O=system:masters"


def test_both_sides_of_a_tls_handshake_accept_them(tmp_path: Path) -> None:
    pki = made(tmp_path, datetime.datetime.now(datetime.UTC))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pki.certificate_file("apiserver"), pki.key_file("apiserver"))
    server.load_verify_locations(pki.ca_file)
    server.verify_mode = ssl.CERT_REQUIRED
    client = ssl.create_default_context(cafile=str(pki.ca_file))
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    client.load_cert_chain(pki.certificate_file("admin"), pki.key_file("admin"))
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(to_client, to_server, server_hostname="127.0.0.1")
    theirs = server.wrap_bio(to_server, to_client, server_side=True)
    done: set[ssl.SSLObject] = set()
    for _ in range(6):
        for side in (ours, theirs):
            try:
                side.do_handshake()
                done.add(side)
            except ssl.SSLWantReadError:
                pass
    assert done == {ours, theirs}
    assert theirs.getpeercert() is not None
