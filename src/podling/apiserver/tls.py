"""The TLS side of serving: TLS 1.2 or newer, HTTP/1.1, client certificates welcome but not required."""

from __future__ import annotations

import ssl

from .config import TlsFiles
from .metrics import Tally


def server_context(files: TlsFiles, *, client_ca: bytes) -> ssl.SSLContext:
    """What to listen with.  A client certificate is verified against `client_ca` (PEM; empty: none is asked for), and
    one that does not verify ends the handshake."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(files.certificate, files.key)
    context.set_alpn_protocols(["http/1.1"])
    if client_ca:
        context.load_verify_locations(cadata=client_ca.decode())
        context.verify_mode = ssl.CERT_OPTIONAL
    return context


def counting_handshakes(errors: Tally) -> type[ssl.SSLObject]:
    """A TLS engine that counts handshakes that fail; one that the other side just leaves does not get that far."""

    class Counting(ssl.SSLObject):
        def do_handshake(self) -> None:
            try:
                super().do_handshake()
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                raise
            except ssl.SSLError:
                errors.count += 1
                raise

    return Counting
