"""A registry on loopback, small enough to read: serves manifests and blobs over HTTP, with optional password."""

import base64
import gzip
import hashlib
import io
import json
import subprocess
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
PACKINGS = {
    "gzip": (LAYER, lambda data: gzip.compress(data, mtime=0)),
    "plain": ("application/vnd.oci.image.layer.v1.tar", lambda data: data),
    "zstd": (
        "application/vnd.oci.image.layer.v1.tar+zstd",
        lambda data: subprocess.run(["zstd", "-q", "-c"], input=data, capture_output=True, check=True).stdout,
    ),
}
CONFIG = "application/vnd.oci.image.config.v1+json"


def digest(data):
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def layer(files):
    """An uncompressed layer of ``{name: content}``."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), 0o755
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


class Registry:
    """``put`` images, then pull ``<address>/<name>:<tag>``; ``requests`` counts by path, ``status`` overrides answers.

    While ``flowing`` is cleared no layer comes; ``asked`` tells that one was wanted.
    """

    def __init__(self, *, password=""):
        self.blobs, self.manifests, self.requests, self.status = {}, {}, [], 0
        self.password = password
        self.flowing, self.asked = threading.Event(), threading.Event()
        self.flowing.set()
        registry = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                registry._answer(self)

            do_HEAD = do_GET  # noqa: N815

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def close(self):
        self.flowing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def put(self, name, tag, layers, *, config=None, architectures=(), packing="gzip"):
        """Add an image of uncompressed ``layers``; with ``architectures`` behind an index. Returns its config's digest."""
        document = {
            "architecture": "amd64",
            "os": "linux",
            "config": config or {},
            "rootfs": {"type": "layers", "diff_ids": [digest(one) for one in layers]},
        }
        config_bytes = json.dumps(document).encode()
        kind, pack = PACKINGS[packing]
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self._blob(CONFIG, config_bytes),
            "layers": [self._blob(kind, pack(one)) for one in layers],
        }
        self._manifest(name, tag, MANIFEST, manifest, architectures)
        return digest(config_bytes)

    def layers_of(self, name, tag):
        """The digests of an image's layers."""
        return [one["digest"] for one in json.loads(self.manifests[name, tag][1])["layers"]]

    def _manifest(self, name, tag, kind, manifest, architectures):
        data = json.dumps(manifest).encode()
        self.manifests[name, digest(data)] = self.manifests[name, tag] = (kind, data)
        if architectures:
            entry = {"mediaType": kind, "digest": digest(data), "size": len(data)}
            entries = [entry | {"platform": {"os": "linux", "architecture": a}} for a in architectures]
            index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}
            self._manifest(name, tag, INDEX, index, ())

    def _blob(self, kind, data):
        self.blobs[digest(data)] = data
        return {"mediaType": kind, "digest": digest(data), "size": len(data)}

    def _answer(self, request):
        self.requests.append(request.path)
        wanted = "Basic " + base64.b64encode(f"user:{self.password}".encode()).decode()
        if self.status:
            self._send(request, self.status, "text/plain", b"no")
        elif self.password and request.headers.get("Authorization") != wanted:
            self._send(request, 401, "application/json", b"{}", {"WWW-Authenticate": 'Basic realm="r"'})
        elif request.path == "/v2/":
            self._send(request, 200, "application/json", b"{}")
        else:
            _, _, *name, kind, key = request.path.split("/")
            if kind == "blobs" and not self.flowing.is_set():
                self.asked.set()
                self.flowing.wait()
            kind, data = (
                self.manifests.get(("/".join(name), key), ("", None))
                if kind == "manifests"
                else ("application/octet-stream", self.blobs.get(key))
            )
            self._send(request, 404 if data is None else 200, kind or "application/json", data or b"{}")

    def _send(self, request, status, kind, data, headers=None):
        request.send_response(status)
        for key, value in {"Content-Type": kind, "Content-Length": str(len(data)), **(headers or {})}.items():
            request.send_header(key, value)
        request.end_headers()
        if request.command == "GET":
            request.wfile.write(data)
