"""The verbs on one kind of object, typed by the kind's Struct or by dict.

One method for each verb of the Kubernetes API, with its parameters under their own names. Nothing is cached and nothing retried here
(see `informer` and `watch`). All methods raise `podling.api.errors.ApiError` for what the server refuses and `ConnectionFault` when it
cannot be reached.
"""

from __future__ import annotations

import enum
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, Generic, TypeVar

import msgspec

from podling.api.kinds import Kind
from podling.api.types import meta_v1

from .calls import Caller, query
from .streams import watch_batches
from .wire import Batch, ListPage, View, WatchEvent

T = TypeVar("T")
Body = bytes | dict[str, Any] | list[Any] | msgspec.Struct


class PatchType(enum.Enum):
    """How a patch is to be understood; the value is its media type."""

    MERGE = "application/merge-patch+json"
    STRATEGIC = "application/strategic-merge-patch+json"
    JSON = "application/json-patch+json"
    APPLY = "application/apply-patch+yaml"


class Resource(Generic[T]):
    """Objects of one kind on one server. `namespace` is needed where the kind has one and the object does not say."""

    def __init__(
        self, caller: Caller, view: View[T], *, field_manager: str, field_validation: str = ""
    ) -> None:
        self.view = view
        self._caller = caller
        self._field_manager = field_manager
        self._field_validation = field_validation

    @property
    def kind(self) -> Kind:
        return self.view.kind

    async def get(self, name: str, *, namespace: str | None = None, subresource: str = "") -> T:
        url = self._url(namespace, name, subresource)
        return self.view.decode(await self._caller.call("GET", url, accept=self.view.accept))

    async def list(
        self,
        *,
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
        limit: int = 0,
        continue_: str = "",
        resource_version: str = "",
    ) -> ListPage[T]:
        """One page of at most `limit` objects, all of them with 0; `namespace=None` means all namespaces."""
        parameters = query(
            (
                ("labelSelector", label_selector),
                ("fieldSelector", field_selector),
                ("limit", limit or None),
                ("continue", continue_),
                ("resourceVersion", resource_version),
            )
        )
        return self.view.decode_list(
            await self._caller.call(
                "GET", self.kind.url(namespace), query=parameters, accept=self.view.accept_list
            )
        )

    async def watch(
        self,
        *,
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
        resource_version: str,
        bookmarks: bool = True,
        timeout: float | None = None,
    ) -> AsyncIterator[WatchEvent[T]]:
        """Changes after `resource_version` over one connection, until the server ends it.

        Raises ApiError (Expired when the server no longer has that revision) and ConnectionFault. See `watch.follow` for one that
        goes on over broken connections. Close the iterator (`contextlib.aclosing`) when leaving it early.
        """
        batches = self.watch_batches(
            namespace=namespace,
            label_selector=label_selector,
            field_selector=field_selector,
            resource_version=resource_version,
            bookmarks=bookmarks,
            timeout=timeout,
        )
        try:
            async for batch in batches:
                for event in batch:
                    yield event
        finally:
            await batches.aclose()

    def watch_batches(
        self,
        *,
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
        resource_version: str,
        bookmarks: bool = True,
        timeout: float | None = None,
    ) -> AsyncGenerator[Batch[T], None]:
        """As `watch`, but handing out at once all that arrived at once."""
        parameters = query(
            (
                ("watch", "true"),
                ("labelSelector", label_selector),
                ("fieldSelector", field_selector),
                ("resourceVersion", resource_version),
                ("allowWatchBookmarks", "true" if bookmarks else None),
                ("timeoutSeconds", None if timeout is None else round(timeout)),
            )
        )
        return watch_batches(self._caller, self.view, self.kind.url(namespace), parameters, timeout)

    async def create(self, obj: T, *, namespace: str | None = None, dry_run: bool = False) -> T:
        """The object as created: with its UID, defaults and generated name."""
        namespace = namespace or self.view.head(obj).namespace
        return await self._send("POST", self._url(namespace), obj, dry_run=dry_run)

    async def update(
        self, obj: T, *, namespace: str | None = None, subresource: str = "", dry_run: bool = False
    ) -> T:
        """Replace the object by this one. With a resourceVersion in it, Conflict if it has changed since."""
        head = self.view.head(obj)
        url = self._url(namespace or head.namespace, head.name, subresource)
        return await self._send("PUT", url, obj, dry_run=dry_run)

    async def patch(
        self,
        name: str,
        patch: Body,
        *,
        namespace: str | None = None,
        type: PatchType = PatchType.MERGE,
        subresource: str = "",
        force: bool = False,
        dry_run: bool = False,
    ) -> T:
        """`force` takes fields over from other managers and goes with APPLY only."""
        data = await self._caller.call(
            "PATCH",
            self._url(namespace, name, subresource),
            query=query((*self._write(dry_run), ("force", "true" if force else None))),
            body=_encode(patch),
            content_type=type.value,
            accept=self.view.accept,
        )
        return self.view.decode(data)

    async def delete(
        self,
        name: str,
        *,
        namespace: str | None = None,
        grace_period_seconds: int | None = None,
        propagation_policy: str | None = None,
        uid: str | None = None,
        resource_version: str | None = None,
    ) -> None:
        """Ask for deletion: finalizers and grace periods may keep the object for a while. Conflict if it is not that `uid`."""
        options = _delete_options(grace_period_seconds, propagation_policy, uid, resource_version)
        await self._caller.call("DELETE", self._url(namespace, name), body=options)

    async def delete_collection(
        self,
        *,
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
        grace_period_seconds: int | None = None,
        propagation_policy: str | None = None,
    ) -> None:
        parameters = query((("labelSelector", label_selector), ("fieldSelector", field_selector)))
        options = _delete_options(grace_period_seconds, propagation_policy, None, None)
        await self._caller.call("DELETE", self._url(namespace), query=parameters, body=options)

    async def create_subresource(
        self, name: str, subresource: str, body: Body, *, namespace: str | None = None
    ) -> bytes:
        """POST to `binding`, `eviction`, `token` ...; the answer is of whatever kind that subresource has."""
        return await self._caller.call(
            "POST",
            self._url(namespace, name, subresource),
            query=query(self._write(dry_run=False)),
            body=_encode(body),
        )

    def __repr__(self) -> str:
        return f"<Resource {self.kind.resource}>"

    async def _send(self, method: str, url: str, obj: T, *, dry_run: bool) -> T:
        body = self.view.encode(obj)
        return self.view.decode(
            await self._caller.call(
                method, url, query=query(self._write(dry_run)), body=body, accept=self.view.accept
            )
        )

    def _write(self, dry_run: bool) -> tuple[tuple[str, str | None], ...]:
        return (
            ("fieldManager", self._field_manager),
            ("fieldValidation", self._field_validation),
            ("dryRun", "All" if dry_run else None),
        )

    def _url(self, namespace: str | None, name: str = "", subresource: str = "") -> str:
        if self.kind.namespaced and not namespace:
            raise ValueError(f"cannot address {self.kind.resource} {name!r}: no namespace was given")
        return self.kind.url(namespace, name, subresource)


def _encode(body: Body) -> bytes:
    return body if isinstance(body, bytes) else msgspec.json.encode(body)


def _delete_options(
    grace: int | None, propagation: str | None, uid: str | None, resource_version: str | None
) -> bytes:
    if grace is None and propagation is None and uid is None and resource_version is None:
        return b""
    conditions = None
    if uid is not None or resource_version is not None:
        conditions = meta_v1.Preconditions(uid=uid, resource_version=resource_version)
    options = meta_v1.DeleteOptions(
        kind="DeleteOptions",
        api_version="v1",
        grace_period_seconds=grace,
        propagation_policy=propagation,
        preconditions=conditions,
    )
    return msgspec.json.encode(options)
