"""Reads under wrk, which is faster than any Python client and so finds the server's own limit.

wrk cannot show a client certificate, so a ServiceAccount's token is made for it.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from typing import Any

from api import pod
from session import Api, measure

SECONDS = 5
FEW = 200


async def run(api: Api, *, pods: int) -> dict[str, Any]:
    """GET of one Pod, LIST of ``pods`` Pods and of 200 by 16 connections, in requests a second; {} without wrk."""
    if shutil.which("wrk") is None:
        return {}
    namespace, few = await api.namespace("wrk"), await api.namespace("few")
    path, few_path = f"/api/v1/namespaces/{namespace}/pods", f"/api/v1/namespaces/{few}/pods"
    await measure(pods, lambda number: api.call("POST", path, pod(number)), clients=32)
    await measure(FEW, lambda number: api.call("POST", few_path, pod(number)), clients=32)
    token = await reader_token(api, namespace)
    rows = {
        "wrk_get": {"per_s": await wrk(api, f"{path}/p0", token)},
        "wrk_list": {"per_s": await wrk(api, path, token)},
        "wrk_list_200": {"per_s": await wrk(api, few_path, token)},
    }
    await api.call("DELETE", f"/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/{namespace}")
    await api.call("DELETE", f"/api/v1/namespaces/{namespace}")
    await api.call("DELETE", f"/api/v1/namespaces/{few}")
    return rows


async def reader_token(api: Api, namespace: str) -> str:
    """A token of the namespace's default account, which may now read everything."""
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}
    subject = {"kind": "ServiceAccount", "name": "default", "namespace": namespace}
    binding = {"metadata": {"name": namespace}, "roleRef": role, "subjects": [subject]}
    await api.call("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", binding)
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    answer = await api.call("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts/default/token", request)
    return str(json.loads(answer)["status"]["token"])


async def wrk(api: Api, path: str, token: str) -> float:
    """Requests a second; ``SystemExit`` if wrk saw any answer but success."""
    command = [
        "wrk",
        "-t1",
        "-c16",
        f"-d{SECONDS}s",
        "-H",
        f"Authorization: Bearer {token}",
        api.server + path,
    ]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    output = (await process.communicate())[0].decode()
    found = re.search(r"Requests/sec:\s+([\d.]+)", output)
    if found is None or "Non-2xx" in output:
        raise SystemExit(f"wrk on {path}: {output}")
    return float(found[1])
