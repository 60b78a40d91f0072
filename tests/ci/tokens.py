"""Who may use the registry: tokens as hosted registries give them, for one user's password."""

from __future__ import annotations

import base64
import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlsplit

from plumbum import local

USER = "pipeline"
PASSWORD = "Registry-password-7f3a"
SERVICE = "registry.test"
ISSUER = "issuer.test"


class Tokens:
    """Signs tokens with a key of its own, whose certificate the registry trusts."""

    def __init__(self, folder: Path) -> None:
        self.key, self.certificate = folder / "token.key", folder / "token.crt"
        self.address = ""
        subject = "-subj", f"/CN={ISSUER}", "-keyout", self.key, "-out", self.certificate
        local["openssl"]("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject)

    @property
    def auth(self) -> str:
        """The registry's configuration."""
        return (
            f"auth: {{token: {{realm: '{self.address}/token', service: {SERVICE}, "
            f"issuer: {ISSUER}, rootcertbundle: {self.certificate}}}}}\n"
        )

    def token(self, scopes: list[str]) -> str:
        """Return a token for what is asked for, such as `repository:acme/service:pull,push`."""
        pem = self.certificate.read_text().splitlines()[1:-1]
        header = {"typ": "JWT", "alg": "RS256", "x5c": ["".join(pem)]}
        access = [
            {"type": kind, "name": name, "actions": actions.split(",")}
            for kind, name, actions in (scope.split(":") for scope in scopes)
        ]
        now = int(time.time())
        times = {"iat": now - 60, "nbf": now - 60, "exp": now + 3600, "jti": str(time.time_ns())}
        claims = {"iss": ISSUER, "sub": USER, "aud": SERVICE, "access": access, **times}
        text = ".".join(_encoded(json.dumps(part).encode()) for part in (header, claims))
        sign = ["openssl", "dgst", "-sha256", "-sign", str(self.key)]
        signed = subprocess.run(sign, input=text.encode(), capture_output=True, check=True)
        return f"{text}.{_encoded(signed.stdout)}"


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


@contextmanager
def tokens(folder: Path) -> Iterator[Tokens]:
    """Serve tokens on the loopback interface."""
    issuer = Tokens(folder)
    wanted = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.headers.get("Authorization") != wanted:
                self.send_error(401)
                return
            scopes = parse_qs(urlsplit(self.path).query).get("scope", [])
            content = json.dumps({"token": issuer.token(scopes)}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_POST(self) -> None:  # so clients fall back to the above
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    issuer.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield issuer
    finally:
        server.shutdown()
        server.server_close()
