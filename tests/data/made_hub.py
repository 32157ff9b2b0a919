"""Small data sets in the Hub's lay-out, and a server that speaks its protocol."""

from __future__ import annotations

import hashlib
import io
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

SHA = "0123456789abcdef0123456789abcdef01234567"


def picture(seed: int, size: tuple[int, int] = (6, 5), mode: str = "RGB") -> bytes:
    """A file of random pixels."""
    bands = {"L": 1, "RGB": 3, "RGBA": 4}[mode]
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], bands), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels.squeeze()).save(file, "PNG")
    return file.getvalue()


def table(
    images: Sequence[bytes | None],
    labels: Sequence[Any],
    names: Sequence[str] | None = ("cat", "dog"),
    columns: tuple[str, str] = ("image", "label"),
    **others: Sequence[Any],
) -> pa.Table:
    """Images and labels as `datasets` writes them."""
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    rows = pa.array([None if own is None else {"bytes": own, "path": None} for own in images], kind)
    made = pa.table({columns[0]: rows, columns[1]: labels, **others})
    features: dict[str, Any] = {columns[0]: {"_type": "Image"}}
    if names is not None:
        features[columns[1]] = {"names": list(names), "_type": "ClassLabel"}
    said = json.dumps({"info": {"features": features}})
    return made.replace_schema_metadata({"huggingface": said}) if names is not None else made


def write(root: Path, files: Mapping[str, pa.Table], group: int = 4) -> Path:
    for name, own in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(own, root / name, row_group_size=group, write_page_checksum=True)
    return root


def pets(first: int = 0, n: int = 12) -> pa.Table:
    """Cats and dogs in turn."""
    return table([picture(i) for i in range(first, first + n)], [i % 2 for i in range(n)])


PETS = {
    "data/train-00000-of-00002.parquet": pets(0),
    "data/train-00001-of-00002.parquet": pets(12),
    "data/test-00000-of-00001.parquet": pets(24),
}


class Hub(ThreadingHTTPServer):
    """Serves the data sets below a folder, OWNER/NAME each, and nothing else.

    asked: the paths of all requests for files, with their range. breaks: how many of the next answers end after half
    of a file (of more than a few bytes).
    """

    daemon_threads = True

    def __init__(self, root: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.root, self.breaks = root, 0
        self.asked: list[tuple[str, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def running(root: Path) -> Iterator[Hub]:
    hub = Hub(root)
    thread = threading.Thread(target=hub.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.shutdown()
        hub.server_close()
        thread.join()


class _Answer(BaseHTTPRequestHandler):
    """`/api/datasets/O/N/revision/main`, `.../tree/SHA`; `/datasets/O/N/resolve/SHA/FILE`, whole or from a byte on."""

    server: Hub

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        path = self.path.partition("?")[0].strip("/").split("/")
        at = 1 if path[0] == "api" else 0
        folder = self.server.root.joinpath(*path[at + 1 : at + 3])
        if path[at] != "datasets" or not folder.is_dir():
            return self._send(404, b"{}", {"X-Error-Code": "RepoNotFound"})
        kind, revision, *rest = path[at + 3 :]
        if revision not in ("main", SHA):
            return self._send(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
        if kind in ("revision", "tree"):
            said = _listing(folder) if kind == "tree" else {"id": "/".join(path[2:4]), "sha": SHA, **_siblings(folder)}
            return self._send(200, json.dumps(said).encode(), {"Content-Type": "application/json"})
        file = folder.joinpath(*rest)
        if not file.is_file():
            return self._send(404, b"{}", {"X-Error-Code": "EntryNotFound"})
        return self._file(file.read_bytes(), body)

    def _file(self, content: bytes, body: bool) -> None:
        begin = int((self.headers["Range"] or "bytes=0-").removeprefix("bytes=").partition("-")[0])
        value = hashlib.sha256(content).hexdigest()
        headers = {"X-Repo-Commit": SHA, "ETag": f'"{value}"', "X-Linked-Etag": f'"{value}"'}
        headers |= {"X-Linked-Size": str(len(content)), "Accept-Ranges": "bytes"}
        if begin:
            headers["Content-Range"] = f"bytes {begin}-{len(content) - 1}/{len(content)}"
        if body:
            self.server.asked.append((self.path, self.headers["Range"] or ""))
        part = content[begin:]
        broken = body and self.server.breaks > 0 and len(content) > 1000
        self.server.breaks -= broken
        self._send(206 if begin else 200, part, headers, body, len(part) // 2 if broken else None)

    def _send(
        self, status: int, content: bytes, headers: Mapping[str, str], body: bool = True, end: int | None = None
    ) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(content[:end])


def _files(folder: Path) -> Iterator[tuple[str, int, str]]:
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        yield path.relative_to(folder).as_posix(), len(content), hashlib.sha256(content).hexdigest()


def _siblings(folder: Path) -> dict[str, Any]:
    lfs = [
        {"rfilename": name, "size": size, "blobId": "0" * 40, "lfs": {"size": size, "sha256": value, "pointerSize": 1}}
        for name, size, value in _files(folder)
    ]
    return {"siblings": lfs}


def _listing(folder: Path) -> list[dict[str, Any]]:
    return [
        {
            "type": "file",
            "path": name,
            "size": size,
            "oid": "0" * 40,
            "lfs": {"size": size, "oid": value, "pointerSize": 1},
        }
        for name, size, value in _files(folder)
    ]
