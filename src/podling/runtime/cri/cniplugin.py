#!/usr/bin/env python3
"""The CNI plugin that a runtime executes; copied into the node's folder by ``cni.install``, hence the standard library alone.

It hands the runtime's question (environment variables of the CNI specification) to the node's process over the socket that its
configuration names, and prints the answer.
"""

import json
import os
import socket
import sys

_ASKED = ("CNI_COMMAND", "CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_ARGS")
_VERSIONS = ["0.3.0", "0.3.1", "0.4.0"]
_SECONDS = 60.0


def answer(config: dict[str, str], environment: dict[str, str]) -> dict[str, object]:
    """What to print; a ``code`` in it is an error."""
    version = config.get("cniVersion", _VERSIONS[-1])
    if environment["CNI_COMMAND"] == "VERSION":
        return {"cniVersion": version, "supportedVersions": _VERSIONS}
    if environment["CNI_COMMAND"] == "CHECK" or config["type"] == "loopback":
        return {"cniVersion": version}
    question = json.dumps({name: environment.get(name, "") for name in _ASKED}).encode() + b"\n"
    try:
        return dict(_ask(config["socket"], question), cniVersion=version)
    except OSError as error:
        if environment["CNI_COMMAND"] == "DEL":
            return {"cniVersion": version}
        return {"cniVersion": version, "code": 11, "msg": f"cannot ask the Podling node: {error}"}


def _ask(path: str, question: bytes) -> dict[str, object]:
    folder, name = os.path.split(path)
    handle = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    with socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(_SECONDS)
        asking.connect(f"/proc/self/fd/{handle}/{name}")
        asking.sendall(question)
        with asking.makefile("rb") as answers:
            said: dict[str, object] = json.loads(answers.readline() or b'{"code": 11, "msg": "no answer"}')
            return said


if __name__ == "__main__":
    printed = answer(json.load(sys.stdin), dict(os.environ))
    sys.stdout.write(json.dumps(printed))
    raise SystemExit(1 if "code" in printed else 0)
