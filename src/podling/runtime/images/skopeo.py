"""Fetching images from registries with skopeo, the distribution's tool.

Why skopeo: it knows registries, mirrors (``registries.conf``), credentials and signature policies; we keep none of
that.  This module asks it for the manifest first, so that an image that is here already costs one small request, then for the
configuration, which names the layers that are here and need not be fetched, and translates its complaints: a
registry that does not answer is told apart from one that says no.
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from podling.aio import spawn
from podling.runtime.interface import Credentials, ImageFault

from . import blobs, manifests
from .content import Content
from .records import ImageRecord
from .reference import Reference

_POLICIES = (Path("/etc/containers/policy.json"), Path.home() / ".config/containers/policy.json")
_UNREACHABLE = re.compile(
    r"no such host|connection refused|connection reset|network is unreachable|no route to host|i/o timeout"
    r"|server misbehaving|TLS handshake timeout|context deadline exceeded|Client\.Timeout|unexpected EOF"
    r"|unexpected HTTP status: 5\d\d|status code from registry 5\d\d|temporary failure in name resolution",
    re.IGNORECASE,
)
_REJECTED = re.compile(r"rejected by policy|signature", re.IGNORECASE)
_GUESS = re.compile(r'^Error (?:parsing image name|reading manifest) "[^"]*": ')
_UNKNOWN = re.compile(r"^reading manifest \S+ in (\S+): (?:manifest unknown|name unknown)\b.*")
_MESSAGE = re.compile(r'msg="((?:[^"\\]|\\.)*)"')
_MANIFEST_SECONDS = 120.0
_COPY_SECONDS = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """An image as its registry describes it, ``name`` by digest, and what it will be called here."""

    name: str
    config: manifests.Descriptor
    layers: Sequence[manifests.Descriptor]
    tags: Sequence[str]
    digests: Sequence[str]


@dataclass(frozen=True, slots=True)
class Skopeo:
    """How to call it.  ``registries_conf`` replaces the machine's own file."""

    program: str = "skopeo"
    registries_conf: Path | None = None

    async def pull(
        self, content: Content, reference: Reference, credentials: Sequence[Credentials]
    ) -> ImageRecord:
        """Fetch ``reference`` unless the registry's image is here already.  Each credential is tried, then none."""
        if shutil.which(self.program) is None:
            why = (
                f"cannot pull image {reference}: {self.program} is not installed (install the package skopeo)"
            )
            raise ImageFault(why, reason="RegistryUnavailable")
        attempts: list[Credentials] = list(credentials) or [Credentials()]
        for credential in attempts[:-1]:
            try:
                return await self._pull(content, reference, credential)
            except ImageFault as fault:
                if fault.reason == "RegistryUnavailable":
                    raise
        return await self._pull(content, reference, attempts[-1])

    async def _pull(self, content: Content, reference: Reference, credential: Credentials) -> ImageRecord:
        with content.scratch() as scratch:
            access = _access(reference, credential, scratch)
            try:
                found = await self._find(reference, access)
                known = content.index().images.get(found.config.digest)
                if known is not None:
                    await asyncio.to_thread(content.add, known, tags=found.tags, digests=found.digests)
                    return known
                document = await self._configuration(reference, found, access)
                missing = blobs.missing(content, document, len(found.layers))
                layers = await self._layers(reference, found, missing, access, scratch) if missing else []
            except manifests.ManifestFault as error:
                raise ImageFault(f"cannot pull image {reference}: {error}") from error
            try:
                return await asyncio.to_thread(
                    blobs.store,
                    content,
                    document,
                    layers or [_nothing] * len(found.layers),
                    scratch=scratch,
                    tags=found.tags,
                    digests=found.digests,
                )
            except ImageFault as error:
                raise ImageFault(f"cannot pull image {reference}: {error}") from error

    async def _find(self, reference: Reference, access: list[str]) -> _Found:
        """The image's manifest; of an index, that of this machine's part.  Raises ``ManifestFault``."""
        document = await self._inspect(reference, str(reference), access)
        names = {manifests.digest(document)} | ({reference.digest} if reference.digest else set())
        manifest = manifests.parse(document)
        if manifest.config is None:
            chosen = manifests.choose(manifest)
            document = await self._inspect(reference, f"{reference.name}@{chosen.digest}", access)
            manifest = manifests.parse(document)
            names.add(chosen.digest)
        if manifest.config is None:
            raise manifests.ManifestFault("cannot read manifest: an index inside an index")
        return _Found(
            name=f"{reference.name}@{manifests.digest(document)}",
            config=manifest.config,
            layers=manifest.layers,
            tags=[] if reference.digest else [str(reference)],
            digests=[f"{reference.name}@{name}" for name in sorted(names)],
        )

    async def _configuration(self, reference: Reference, found: _Found, access: list[str]) -> bytes:
        document = await self._inspect(reference, found.name, access, "--config")
        manifests.check(document, found.config)
        return document

    async def _layers(
        self, reference: Reference, found: _Found, missing: set[int], access: list[str], scratch: Path
    ) -> list[blobs.Blob]:
        """Fetch the layers at the positions that are ``missing``.

        skopeo takes a blob that lies in the shared folder already for fetched: an empty file spares it the download.
        """
        if _needs_help(found.layers):
            return await self._plain_layers(reference, found, access, scratch / "image")
        shared = scratch / "blobs"
        files = [shared / "sha256" / layer.digest.removeprefix("sha256:") for layer in found.layers]
        (shared / "sha256").mkdir(parents=True)
        needed = {files[position] for position in missing}
        for file in {*files} - needed:
            file.touch()
        await self._copy(
            reference,
            [*access, "--dest-shared-blob-dir", str(shared), "--dest-oci-accept-uncompressed-layers"],
            found.name,
            f"oci:{scratch / 'image'}:image",
        )
        return [_blob(file) for file in files]

    async def _plain_layers(
        self, reference: Reference, found: _Found, access: list[str], folder: Path
    ) -> list[blobs.Blob]:
        """All layers, decompressed by skopeo, for what this Python cannot decompress."""
        await self._copy(reference, [*access, "--dest-decompress"], found.name, f"dir:{folder}")
        manifest = manifests.parse((folder / "manifest.json").read_bytes())
        return [_blob(folder / layer.digest.partition(":")[2]) for layer in manifest.layers]

    async def _inspect(self, reference: Reference, name: str, access: list[str], *more: str) -> bytes:
        options = [option.replace("--src-", "--") for option in access]
        argv = [*self._base(), "inspect", "--raw", *more, *options, f"docker://{name}"]
        return await self._run(reference, argv, _MANIFEST_SECONDS)

    async def _copy(self, reference: Reference, options: list[str], name: str, target: str) -> None:
        argv = [*self._base(), "copy", "--quiet", *options, f"docker://{name}", target]
        await self._run(reference, argv, _COPY_SECONDS)

    def _base(self) -> list[str]:
        argv = [*_tether(), self.program]
        if self.registries_conf is not None:
            argv += ["--registries-conf", str(self.registries_conf)]
        if not any(policy.exists() for policy in _POLICIES):
            argv.append("--insecure-policy")
        return argv

    async def _run(self, reference: Reference, argv: list[str], limit: float) -> bytes:
        try:
            done = await spawn.run(argv, limit_seconds=limit)
        except spawn.TimeLimit as error:
            raise ImageFault(
                f"cannot pull image {reference}: {error}", reason="RegistryUnavailable"
            ) from error
        except spawn.SpawnFault as error:
            raise ImageFault(f"cannot pull image {reference}: {error}") from error
        if done.returncode:
            message = complaint(done.error_text)
            raise ImageFault(f"cannot pull image {reference}: {message}", reason=reason_of(message))
        return done.stdout


def _tether() -> list[str]:
    """What ends a program with the process that started it: a pull does not outlive a cluster that was killed."""
    return ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []


def complaint(text: str) -> str:
    """skopeo's own words without its log frame, its guess at the cause, and what the registry's protocol calls it."""
    found = _MESSAGE.findall(text)
    message = found[-1].replace('\\"', '"') if found else text
    message = _GUESS.sub("", message)
    return _UNKNOWN.sub(r"\1: not found", message)


def reason_of(message: str) -> str:
    """The container status reason for skopeo's words."""
    if _UNREACHABLE.search(message):
        return "RegistryUnavailable"
    return "SignatureValidationFailed" if _REJECTED.search(message) else "ErrImagePull"


def _access(reference: Reference, credential: Credentials, scratch: Path) -> list[str]:
    """Options that hand over the credential; passwords by a private file, since argv is public."""
    if credential.token:
        return ["--src-registry-token", credential.token]
    if not credential.username:
        return []
    domain = reference.name.partition("/")[0]
    secret = base64.b64encode(f"{credential.username}:{credential.password}".encode()).decode()
    file = scratch / "auth.json"
    file.touch(mode=0o600)
    file.write_text(json.dumps({"auths": {domain: {"auth": secret}}}))
    return ["--src-authfile", str(file)]


def _needs_help(layers: Sequence[manifests.Descriptor]) -> bool:
    return not blobs.can_zstd() and any(layer.is_zstd for layer in layers)


def _blob(path: Path) -> blobs.Blob:
    return lambda: path.open("rb")


def _nothing() -> IO[bytes]:
    """Stands for a layer that was here a moment ago."""
    return io.BytesIO()
