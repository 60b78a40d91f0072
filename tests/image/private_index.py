"""A private package index on loopback: it wants credentials, and leads to the public one."""

from __future__ import annotations

import base64
import hashlib
import io
import ssl
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from tasks import mirror

USER = "build-user"
PASSWORD = "s3cret/of+the:index"


def basic(user: str, password: str) -> str:
    """Return what a client sends."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def netrc(user: str, password: str, host: str = "127.0.0.1") -> str:
    """Return the file that gives the index's credentials to tools."""
    return f"machine {host} login {user} password {password}\n"


BASIC = basic(USER, PASSWORD)
NETRC = netrc(USER, PASSWORD)

METADATA = "Metadata-Version: 2.2\nName: {name}\nVersion: 1.0\n"
WHEEL = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


@dataclass(frozen=True)
class Index:
    """A running index."""

    url: str

    @property
    def credentials(self) -> dict[str, str]:
        """What Poetry reads from its environment."""
        name = "POETRY_HTTP_BASIC_INDEX"
        return {f"{name}_USERNAME": USER, f"{name}_PASSWORD": PASSWORD}


@contextmanager
def private_index(*accepted: str, tls: ssl.SSLContext | None = None) -> Iterator[Index]:
    """Serve until the end to who is accepted, with TLS where it is given how."""
    public = mirror.simple_index().rstrip("/")
    files = {"acme_greeting-1.0-py3-none-any.whl": greeting(), "acme_native-1.0.tar.gz": native()}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.headers["Authorization"] not in (accepted or {BASIC}):
                self.answer(401, b"", ("WWW-Authenticate", 'Basic realm="index"'))
                return
            name = self.path.strip("/").rpartition("/")[2]
            if name in files:
                self.answer(200, files[name])
            elif own := [file for file in files if file.startswith(f"{name.replace('-', '_')}-")]:
                self.answer(200, page(own[0], files[own[0]]), ("Content-Type", "text/html"))
            else:
                self.answer(302, b"", ("Location", f"{public}/{name}/"))

        def answer(self, status: int, body: bytes, *headers: tuple[str, str]) -> None:
            self.send_response(status)
            for header in (("Content-Length", str(len(body))), *headers):
                self.send_header(*header)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """Say nothing of a client that this index refuses."""

    with Server(("127.0.0.1", 0), Handler) as server:
        if tls:  # the handshake is the business of the thread that answers
            server.socket = tls.wrap_socket(
                server.socket, server_side=True, do_handshake_on_connect=False
            )
        thread = Thread(target=server.serve_forever)
        thread.start()
        host = "https://localhost" if tls else "http://127.0.0.1"
        yield Index(f"{host}:{server.server_port}/simple/")
        server.shutdown()
        thread.join()


def page(file: str, content: bytes) -> bytes:
    """Return the page of a package with one file."""
    digest = hashlib.sha256(content).hexdigest()
    return f'<!DOCTYPE html><a href="/files/{file}#sha256={digest}">{file}</a>'.encode()


def greeting() -> bytes:
    """Return a wheel."""
    info = "acme_greeting-1.0.dist-info"
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as wheel:
        wheel.writestr("acme_greeting.py", "HELLO = 'hello'\n")
        wheel.writestr(f"{info}/METADATA", METADATA.format(name="acme-greeting"))
        wheel.writestr(f"{info}/WHEEL", WHEEL)
        wheel.writestr(f"{info}/RECORD", f"acme_greeting.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n")
    return content.getvalue()


BUILD_BACKEND = f'''
import subprocess, zipfile

def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", "answer.so", "answer.c"], check=True)
    name, info = "acme_native-1.0-py3-none-any.whl", "acme_native-1.0.dist-info"
    with zipfile.ZipFile(f"{{wheel_directory}}/{{name}}", "w") as wheel:
        wheel.write("answer.so", "acme_native/answer.so")
        wheel.writestr("acme_native/__init__.py", """
import ctypes, pathlib
answer = ctypes.CDLL(str(pathlib.Path(__file__).with_name("answer.so"))).answer
""")
        wheel.writestr(f"{{info}}/METADATA", {METADATA.format(name="acme-native")!r})
        wheel.writestr(f"{{info}}/WHEEL", {WHEEL!r})
        wheel.writestr(f"{{info}}/RECORD", "")
    return name
'''


def native() -> bytes:
    """Return a source distribution that needs a C compiler and a header file."""
    project = (
        '[project]\nname = "acme-native"\nversion = "1.0"\n'
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    )
    files = {
        "PKG-INFO": METADATA.format(name="acme-native"),
        "pyproject.toml": project,
        "backend.py": BUILD_BACKEND,
        "answer.c": "#include <stdlib.h>\nint answer(void) { return abs(-42); }\n",
    }
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(f"acme_native-1.0/{name}")
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    return content.getvalue()
