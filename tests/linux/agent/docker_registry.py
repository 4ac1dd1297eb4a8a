"""The distribution's own registry on loopback, behind TLS and a password, with images pushed into it by skopeo."""

from __future__ import annotations

import datetime
import io
import ipaddress
import json
import os
import queue
import re
import subprocess
import tarfile
import threading
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from podling.runtime.images import manifests

USER, PASSWORD = "me", "open sesame"
_BCRYPT = "$2b$04$jauk0tyRV.4a.u6bDOAfiuNkZj7LHEQNnOQfY6JQ7oC0wZkHFts1m"
_LISTENING = re.compile(r"listening on (127\.0\.0\.1:\d+), tls")


class DockerRegistry:
    """``address`` is host and port; ``certificate`` must be trusted by who asks.  ``halt`` and ``go_on`` cut it off."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.certificate = folder / "registry.crt"
        _write_certificate(self.certificate, folder / "registry.key")
        (folder / "htpasswd").write_text(f"{USER}:{_BCRYPT}\n")
        self.address = ""
        self._start("127.0.0.1:0")

    def halt(self) -> None:
        self._process.terminate()
        self._process.wait()
        self._reader.join()
        assert self._process.stderr is not None
        self._process.stderr.close()

    def go_on(self) -> None:
        self._start(self.address)

    def push(
        self, name: str, files: Mapping[str, bytes], *, architecture: str = "", entrypoint: Sequence[str] = ()
    ) -> None:
        """Put an image of one layer there as ``name`` (``path:tag``)."""
        self.push_archive(
            name, docker_archive_of([tar_of(files)], architecture=architecture, entrypoint=entrypoint)
        )

    def push_archive(self, name: str, content: bytes) -> None:
        archive = self._folder / "push.tar"
        archive.write_bytes(content)
        self.copy(f"docker-archive:{archive}", name)

    def blobs(self) -> list[Path]:
        """The files in which it keeps layers, configurations and manifests."""
        return [*(self._folder / "registry/docker/registry/v2/blobs/sha256").glob("*/*/data")]

    def copy(self, source: str, name: str) -> None:
        argv = ["skopeo", "--insecure-policy", "copy", "--quiet", "--dest-creds", f"{USER}:{PASSWORD}"]
        env = os.environ | {"SSL_CERT_FILE": str(self.certificate)}
        subprocess.run([*argv, source, f"docker://{self.address}/{name}"], check=True, env=env)

    def auths(self, *, path: str = "", password: str = PASSWORD) -> dict[str, Any]:
        """The document of a pull secret, for all of the registry or what is below ``path``."""
        return {"auths": {f"{self.address}{path}": {"username": USER, "password": password}}}

    def _start(self, address: str) -> None:
        settings = {
            "version": 0.1,
            "log": {"level": "info"},
            "storage": {"filesystem": {"rootdirectory": str(self._folder / "registry")}},
            "http": {
                "addr": address,
                "tls": {"certificate": str(self.certificate), "key": str(self._folder / "registry.key")},
            },
            "auth": {"htpasswd": {"realm": "test", "path": str(self._folder / "htpasswd")}},
        }
        file = self._folder / "registry.yml"
        file.write_text(json.dumps(settings))
        env = os.environ | {"OTEL_TRACES_EXPORTER": "none"}
        self._process = subprocess.Popen(
            ["docker-registry", "serve", str(file)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=env,
        )
        listening: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read_log, args=(listening,))
        self._reader.start()
        self.address = listening.get(timeout=60)

    def _read_log(self, listening: queue.Queue[str]) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            if found := _LISTENING.search(line):
                listening.put(found[1])


def docker_archive_of(
    layers: Sequence[bytes], *, architecture: str = "", entrypoint: Sequence[str] = ()
) -> bytes:
    """What ``docker save`` writes of an image; the architecture is this machine's where none is given."""
    config = {
        "architecture": architecture or manifests.architecture(),
        "os": "linux",
        "config": {"Entrypoint": list(entrypoint) or None},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{sha256(one).hexdigest()}" for one in layers]},
    }
    names = [f"{number}/layer.tar" for number in range(len(layers))]
    manifest = [{"Config": "config.json", "RepoTags": None, "Layers": names}]
    parts = {"config.json": json.dumps(config).encode(), **dict(zip(names, layers, strict=True))}
    return tar_of({**parts, "manifest.json": json.dumps(manifest).encode()})


def tar_of(files: Mapping[str, bytes]) -> bytes:
    """A tar of executable files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o755
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _write_certificate(certificate: Path, key_file: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "registry")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.touch(mode=0o600)
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
