"""The API server's port is free, or the user learns who has it."""

import os
import socket

import pytest

from podling.cluster.errors import PortTaken
from podling.cluster.ports import listen_locally


def test_a_taken_port_names_its_owner() -> None:
    with listen_locally(0) as first:
        port = first.getsockname()[1]
        with pytest.raises(
            PortTaken, match=rf"127.0.0.1:{port}: process {os.getpid()} \(.*\) has it; choose another"
        ):
            listen_locally(port)


def test_any_free_port_is_found_on_loopback_only() -> None:
    with listen_locally(0) as one, listen_locally(0) as two:
        addresses = {one.getsockname()[0], two.getsockname()[0]}
        assert addresses == {"127.0.0.1"}
        assert isinstance(one, socket.socket)


def test_the_last_port_is_had_again_if_it_is_free() -> None:
    with listen_locally(0) as first:
        port = first.getsockname()[1]
        with listen_locally(0, last=port) as other:
            assert other.getsockname()[1] != port
    with listen_locally(0, last=port) as again:
        assert again.getsockname()[1] == port
