"""Over a real socket: TLS with both certificates, kept-alive connections, streams, and clear words when it fails."""

import contextlib
import datetime
import ipaddress
import json
import socket
import ssl

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from podling.client import ConfigFault, ConnectionFault, Request
from podling.client.http import HttpTransport, ServerAddress

PORTS = web.AppKey("ports", list)


def pem(key):
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def certificate(name, key, issuer_name, issuer_key, *, authority=False):
    def subject(common):
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])

    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(subject(name))
        .issuer_name(subject(issuer_name))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
        )
    )
    return built.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pki")
    ca_key, server_key, client_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
    ca = certificate("ca", ca_key, "ca", ca_key, authority=True)
    (folder / "ca.pem").write_bytes(ca)
    (folder / "server.pem").write_bytes(certificate("server", server_key, "ca", ca_key) + pem(server_key))
    client = certificate("admin", client_key, "ca", ca_key)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=folder / "ca.pem")
    context.load_cert_chain(folder / "server.pem")
    context.verify_mode = ssl.CERT_OPTIONAL
    return context, {"ca": ca, "certificate": client, "key": pem(client_key)}


async def answer(request):
    peer = request.transport.get_extra_info("peercert") or {}
    common = [value for rdn in peer.get("subject", ()) for name, value in rdn if name == "commonName"]
    request.app[PORTS].append(request.transport.get_extra_info("peername")[1])
    if request.path == "/stream":
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"one\n")
        await response.write(b"two\n")
        return response
    if request.path == "/break":
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"one\n")
        request.transport.abort()
        return response
    return web.json_response(
        {
            "client": common,
            "path": request.raw_path,
            "token": request.headers.get("authorization", ""),
            "body": (await request.read()).decode(),
        }
    )


@contextlib.asynccontextmanager
async def serving(context):
    app = web.Application()
    app[PORTS] = []
    app.router.add_route("*", "/{tail:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]
    try:
        yield port, app[PORTS]
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def transport(**fields):
    opened = HttpTransport(ServerAddress(**fields))
    try:
        yield opened
    finally:
        await opened.close()


async def read_json(client, request):
    response = await client.send(request)
    try:
        return json.loads(await response.read())
    finally:
        await response.close()


async def test_both_sides_show_certificates_that_never_were_on_disk(pki):
    context, ours = pki
    async with serving(context) as (port, _), transport(url=f"https://127.0.0.1:{port}", **ours) as client:
        said = await read_json(client, Request("POST", "/api/v1/x", (("a", "b c"),), {}, b"{}"))
    assert said["client"] == ["admin"]
    assert said["path"] == "/api/v1/x?a=b+c"
    assert said["body"] == "{}"


async def test_connections_are_kept_and_reused(pki):
    context, ours = pki
    async with (
        serving(context) as (port, ports),
        transport(url=f"https://127.0.0.1:{port}", **ours) as client,
    ):
        for _ in range(3):
            await read_json(client, Request("GET", "/x"))
    assert len(set(ports)) == 1


async def test_a_renewed_token_file_is_read_again(tmp_path):
    token = tmp_path / "token"
    token.write_text("first\n")
    async with (
        serving(None) as (port, _),
        transport(url=f"http://127.0.0.1:{port}", token_file=token) as client,
    ):
        assert (await read_json(client, Request("GET", "/x")))["token"] == "Bearer first"
        renewed = tmp_path / "renewed"
        renewed.write_text("second")
        renewed.rename(token)
        assert (await read_json(client, Request("GET", "/x")))["token"] == "Bearer second"


async def test_names_are_quoted_on_the_wire_only_where_they_must_be():
    async with serving(None) as (port, _), transport(url=f"http://127.0.0.1:{port}/base/") as client:
        said = await read_json(client, Request("GET", "/apis/clusterroles/system:node x"))
    assert said["path"] == "/base/apis/clusterroles/system:node%20x"


async def test_a_stream_is_read_as_it_comes():
    async with serving(None) as (port, _), transport(url=f"http://127.0.0.1:{port}") as client:
        response = await client.send(Request("GET", "/stream"))
        assert b"".join([chunk async for chunk in response.chunks()]) == b"one\ntwo\n"
        await response.close()


async def test_a_connection_that_breaks_in_the_middle_is_told():
    async with serving(None) as (port, _), transport(url=f"http://127.0.0.1:{port}") as client:
        response = await client.send(Request("GET", "/break"))
        with pytest.raises(ConnectionFault, match="cannot finish GET /break"):
            async for _chunk in response.chunks():
                pass
        await response.close()


async def test_nobody_listening_is_a_connection_fault():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        async with transport(url=f"http://127.0.0.1:{port}") as client:
            with pytest.raises(
                ConnectionFault, match=f"cannot reach the API server at http://127.0.0.1:{port}"
            ):
                await client.send(Request("GET", "/x"))


async def test_a_server_that_we_cannot_verify_is_not_talked_to(pki):
    context, _ = pki
    async with serving(context) as (port, _):
        async with transport(url=f"https://127.0.0.1:{port}") as client:
            with pytest.raises(ConnectionFault, match="certificate"):
                await client.send(Request("GET", "/x"))
        async with transport(url=f"https://127.0.0.1:{port}", insecure=True) as client:
            assert (await read_json(client, Request("GET", "/x")))["client"] == []


async def test_rubbish_for_certificates_is_a_config_fault():
    async with transport(url="https://127.0.0.1:1", ca=b"rubbish") as client:
        with pytest.raises(ConfigFault, match="cannot use the certificates"):
            await client.send(Request("GET", "/x"))
