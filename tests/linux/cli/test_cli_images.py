"""From a build to a Pod and back: images go straight into a running cluster, and changes of them in no time."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import time
from pathlib import Path

from cli_world import PODLING

BUSYBOX = Path("/bin/busybox").read_bytes()


def test_a_build_is_loaded_run_changed_and_run_again(cli, tmp_path):
    def image(*words, code=0):
        done = cli.raw(PODLING, "image", *words, "--data-dir", str(cli.data_dir))
        assert done.code == code, done.err
        return done

    cli.up()
    for version in ("one", "two"):
        archive = tmp_path / f"{version}.tar"
        archive.write_bytes(build("app:dev", version))
        begun = time.monotonic()
        assert "docker.io/library/app:dev" in image("load", str(archive)).out
        assert time.monotonic() - begun < 30  # a quarter of a second on a quiet machine
        cli("apply", "-f", "-", input=json.dumps(pod(version)))
        cli.wait_ready(version)
        assert cli("logs", version).out == f"version {version}\n"
    listed = {tuple(row["tags"]) for row in image("ls", "-o", "json").document}
    assert {(), ("docker.io/library/app:dev",)} <= listed
    assert "uses it" in image("rm", "app:dev", code=1).err
    assert "removed" not in image("prune").out.replace(
        "of images removed", ""
    )  # the first one is in use, too
    cli.kubectl("delete", "pod", "one", "two", "--now")
    gone = image("prune", "--all").out
    assert "sha256:" in gone
    assert "app:dev removed" in gone


def pod(version):
    container = {"name": "main", "image": "app:dev", "imagePullPolicy": "Never"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": version},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 0},
    }


def build(tag, version):
    """What ``docker save`` writes: busybox below, and above it what changes with every build."""
    script = f"#!/bin/busybox sh\necho version {version}\nexec /bin/busybox sleep 3600\n"
    layers = [tar_of({"bin/busybox": BUSYBOX}), tar_of({"main": script.encode()})]
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Entrypoint": ["/main"]},
        "rootfs": {
            "type": "layers",
            "diff_ids": ["sha256:" + hashlib.sha256(one).hexdigest() for one in layers],
        },
    }
    parts = {"config.json": json.dumps(config).encode(), "0.tar": layers[0], "1.tar": layers[1]}
    manifest = [{"Config": "config.json", "RepoTags": [tag], "Layers": ["0.tar", "1.tar"]}]
    return tar_of({**parts, "manifest.json": json.dumps(manifest).encode()})


def tar_of(files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o755
            tar.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()
