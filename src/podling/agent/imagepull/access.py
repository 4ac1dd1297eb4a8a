"""Which Pods may use an image that is on the machine already (pure).

An image that came here with a Pod's pull secret is for Pods that have this secret or the same credentials; for others it is as if
it were not here, and they must ask the registry themselves.  One that came without credentials, or that nobody of us has
pulled (loaded by hand, there from the start), is for all.
(Source: KEP-2535 ensure secret pulled images, policy NeverVerifyPreloadedImages; kubelet `pkg/kubelet/images/pullmanager`.)
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from .credentials import SecretKey

_REMEMBERED = 100
"""So many secrets are remembered for an image beyond those it was pulled with."""


class Access(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who may use an image under one repository's name: everyone, or holders of one of ``secrets``."""

    everyone: bool = False
    secrets: tuple[SecretKey, ...] = ()

    def with_secret(self, secret: SecretKey) -> Access:
        """The same Secret's older credentials give way."""
        kept = [one for one in self.secrets if one.place != secret.place]
        return Access(secrets=tuple(sorted([*kept, secret], key=lambda one: one.place)))


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one image's pulls, by repository (``registry/path``)."""

    image_id: str
    by_repository: dict[str, Access] = {}


EVERYONE = Access(everyone=True)


def is_granted(record: Record | None, repository: str, secrets: Iterable[SecretKey]) -> bool:
    """Whether a Pod that holds ``secrets`` may use the image; no record: nobody pulled it, so it is for all."""
    if record is None:
        return True
    known = record.by_repository.get(repository)
    if known is None:
        return False
    if known.everyone:
        return True
    hashes, places = {one.hash for one in known.secrets}, {one.place for one in known.secrets}
    return any(secret.hash in hashes or secret.place in places for secret in secrets)


def learned(record: Record | None, image_id: str, repository: str, used: SecretKey | None) -> Record:
    """The record after a pull that was let in with ``used`` (None: without credentials)."""
    known = dict(record.by_repository) if record is not None else {}
    before = known.get(repository, Access())
    if used is None or before.everyone:
        known[repository] = EVERYONE
    else:
        known[repository] = before.with_secret(used)
    return Record(image_id=image_id, by_repository=known)


def recognised(record: Record, repository: str, secrets: Iterable[SecretKey]) -> Record:
    """The record once a Pod was let in: the other half of what it was known by, name or credentials, is remembered, too."""
    known = record.by_repository.get(repository, Access())
    for secret in secrets:
        same = [one for one in known.secrets if one.hash == secret.hash or one.place == secret.place]
        if known.everyone or not same or secret in known.secrets or len(known.secrets) >= _REMEMBERED:
            continue
        known = known.with_secret(secret)
    return Record(image_id=record.image_id, by_repository={**record.by_repository, repository: known})
