"""Where the agent keeps its Pods' files: pure path arithmetic under the node's state folder.

pods/<uid>/volumes/<plugin>/<name>     what is mounted into containers
           plugins/<plugin>/<name>     a volume's own bookkeeping, not seen by containers
           subpaths/<container>/<n>    bind mounts of parts of volumes
           containers/<name>/<attempt> termination message files
           etc-hosts                   the managed hosts file
local-path/<volume>                    volumes that outlive Pods; removed as their policy says
log/pods/<namespace>_<name>_<uid>/<container>/<attempt>.log
plugins/                               volumes of CSI drivers that are staged, and the drivers' own files
plugins_registry/                      sockets by which CSI drivers make themselves known
seccomp/                               profiles that Pods name by ``Localhost``
user_ids/                              which Pod has which range of the node's ids
image_manager/                         who may use which image, unless nodes share that
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from podling.api.types import core_v1


@dataclass(frozen=True, slots=True)
class Paths:
    root: Path

    @property
    def pods(self) -> Path:
        return self.root / "pods"

    @property
    def memory(self) -> Path:
        """Where nothing reaches a disk, if the machine allows that: secrets and tokens."""
        return self.root / "memory"

    @property
    def all_logs(self) -> Path:
        return self.root / "log" / "pods"

    @property
    def local_path(self) -> Path:
        """Where volumes of claims lie that are made on this node."""
        return self.root / "local-path"

    @property
    def plugins(self) -> Path:
        return self.root / "plugins"

    @property
    def plugins_registry(self) -> Path:
        return self.root / "plugins_registry"

    @property
    def seccomp(self) -> Path:
        return self.root / "seccomp"

    @property
    def user_ids(self) -> Path:
        return self.root / "user_ids"

    @property
    def image_records(self) -> Path:
        return self.root / "image_manager"

    def pod(self, uid: str) -> Path:
        return self.pods / uid

    def volumes(self, uid: str) -> Path:
        return self.pod(uid) / "volumes"

    def volume(self, uid: str, plugin: str, name: str) -> Path:
        return self.volumes(uid) / plugin / name

    def subpaths(self, uid: str) -> Path:
        return self.pod(uid) / "subpaths"

    def hosts_file(self, uid: str) -> Path:
        return self.pod(uid) / "etc-hosts"

    def message_file(self, uid: str, container: str, attempt: int) -> Path:
        return self.pod(uid) / "containers" / container / str(attempt)

    def logs(self, pod: core_v1.Pod) -> Path:
        meta = pod.metadata
        return self.all_logs / f"{meta.namespace}_{meta.name}_{meta.uid}"

    def log(self, pod: core_v1.Pod, container: str, attempt: int) -> Path:
        return self.logs(pod) / log_name(container, attempt)


def log_name(container: str, attempt: int) -> str:
    """Of one attempt's log, relative to its Pod's log folder."""
    return f"{container}/{attempt}.log"
