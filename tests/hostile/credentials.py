"""Everything that a private index and a git server may ask of a developer, made for one run."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from secrets import token_urlsafe

import trustme
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.engine import bases
from tests.hostile.traces import Secret
from tests.image.private_index import USER, basic, netrc

HOST = "localhost"


@dataclass(frozen=True)
class Home:
    """Where a developer's files are, as docs/private-index.md has them."""

    folder: Path
    authority: trustme.CA
    password: str
    token: str

    def __getitem__(self, name: str) -> str:
        """Return the path of a file."""
        return str(self.folder / name)

    @property
    def accepted(self) -> list[str]:
        """What an index accepts of its users."""
        return [basic(USER, self.password), basic("__token__", self.token)]

    def tls(self) -> ssl.SSLContext:
        """Return how an index answers which wants a client certificate of this authority."""
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert(HOST).configure_cert(tls)
        self.authority.configure_trust(tls)
        tls.verify_mode = ssl.CERT_REQUIRED
        return tls

    def secrets(self) -> list[Secret]:
        """Return what must be nowhere else."""
        pem = {"CA": "acme/own.pem", "client": "acme/client.pem", "key": ".ssh/id_ed25519"}
        return [
            Secret("password", self.password.encode()),
            Secret("user and password", f"{USER}:{self.password}".encode()),
            Secret("token", self.token.encode()),
            Secret("user and token", f"__token__:{self.token}".encode()),
            *(s for name, file in pem.items() for s in Secret.pem(name, Path(self[file]))),
        ]


def make(folder: Path) -> Home:
    """Write a netrc file, one with a token, a CA bundle, a client certificate and an SSH key."""
    (folder / "acme").mkdir()
    (folder / ".ssh").mkdir()
    password, token = (f"s3cret/{token_urlsafe(12)}+of:{kind}" for kind in ("user", "token"))
    home = Home(folder, trustme.CA(), password, token)
    authority = home.authority.cert_pem.bytes().decode()
    client = home.authority.issue_cert("build@example.com").private_key_and_cert_chain_pem
    key = Ed25519PrivateKey.generate()
    for name, text in {
        ".netrc": netrc(USER, password, HOST),
        "acme/token": netrc("__token__", token, HOST),
        "acme/own.pem": authority,
        # The index leads to the public one.
        "acme/ca.pem": f"{authority}\n{bases.certificates().read_text('utf-8')}",
        "acme/client.pem": client.bytes().decode(),
        ".ssh/id_ed25519": private(key),
        ".ssh/id_ed25519.pub": public(key),
    }.items():
        write(folder / name, text)
    return home


def write(file: Path, text: str) -> None:
    """Write a file that only its owner may read."""
    file.touch(mode=0o600)
    file.write_text(text, "utf-8")


def private(key: Ed25519PrivateKey) -> str:
    """Return a key as ssh-keygen writes it."""
    form = serialization.PrivateFormat.OpenSSH
    plain = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, plain).decode()


def public(key: Ed25519PrivateKey) -> str:
    """Return the public half of a key."""
    encoding = serialization.Encoding.OpenSSH
    return key.public_key().public_bytes(encoding, serialization.PublicFormat.OpenSSH).decode()
