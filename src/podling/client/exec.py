"""Run a command in a container: WebSocket, subprotocol v5.channel.k8s.io (API reference: pods/exec).

The first byte of each message is its channel: 1 stdout, 2 stderr, 3 the outcome as a Status.  Output is gathered
whole, which suits commands that say little; a terminal is not what this is for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

import msgspec

from podling.api import kinds
from podling.api.errors import ApiError
from podling.api.types import meta_v1

from .errors import ConnectionFault, ProtocolFault
from .http import ServerAddress, TokenSource, ssl_context

PROTOCOL = "v5.channel.k8s.io"
STDOUT, STDERR, OUTCOME = 1, 2, 3


@dataclass(frozen=True, slots=True)
class ExecOutcome:
    """What the command wrote and how it ended."""

    stdout: bytes
    stderr: bytes
    exit_code: int


async def run_in_container(
    address: ServerAddress, command: Sequence[str], *, namespace: str, pod: str, container: str
) -> ExecOutcome:
    """Run ``command`` and wait for its end.

    Raises ApiError if the server refuses or the command cannot be started, ConnectionFault if it cannot be reached.
    """
    import aiohttp

    query = [("command", word) for word in command]
    query += [("container", container), ("stdout", "true"), ("stderr", "true")]
    url = f"{address.url.rstrip('/')}{kinds.POD.url(namespace, pod, 'exec')}?{urlencode(query)}"
    output = {STDOUT: bytearray(), STDERR: bytearray(), OUTCOME: bytearray()}
    try:
        async with (
            aiohttp.ClientSession(headers=TokenSource(address).headers()) as session,
            session.ws_connect(url, protocols=[PROTOCOL], ssl=ssl_context(address), max_msg_size=0) as socket,
        ):
            async for message in socket:
                if message.type is aiohttp.WSMsgType.BINARY and message.data:
                    output.get(message.data[0], bytearray()).extend(message.data[1:])
    except aiohttp.WSServerHandshakeError as error:
        refusal = meta_v1.Status(
            status="Failure", code=error.status, message=f"cannot exec in {pod}: {error.message}"
        )
        raise ApiError.from_status(refusal) from error
    except (aiohttp.ClientError, OSError) as error:
        raise ConnectionFault(f"cannot exec in {pod}: {error}") from error
    return ExecOutcome(bytes(output[STDOUT]), bytes(output[STDERR]), _exit_code(bytes(output[OUTCOME])))


def _exit_code(outcome: bytes) -> int:
    """The exit code out of the final Status: success is 0, NonZeroExitCode carries it as a cause."""
    try:
        status = msgspec.json.decode(outcome, type=meta_v1.Status)
    except msgspec.DecodeError as error:
        raise ProtocolFault(f"cannot read how the command ended: {error}") from error
    if status.status == "Success":
        return 0
    causes = (status.details and status.details.causes) or []
    codes = [cause.message for cause in causes if cause.reason == "ExitCode" and cause.message]
    if not codes:
        raise ApiError.from_status(status)
    return int(codes[0])
