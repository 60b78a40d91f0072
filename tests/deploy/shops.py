"""A service that is deployed, its registry, and versions of it that are signed or not."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

import yaml

from tests.ci.tools import cosign
from tests.deploy.tools import built
from tests.engine.registry import Registry
from tests.render.support import Outcome, run

ENVIRONMENTS = ["dev", "staging", "production"]
APART = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
IDENTITY = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in {"NAME": "Test", "EMAIL": "test@example.com"}.items()
}
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"


def _put(address: str, content: bytes, kind: str, method: str = "PUT") -> str:
    request = Request(address, content, {"Content-Type": kind}, method=method)
    with build_opener(ProxyHandler({})).open(request) as answer:
        return str(answer.headers.get("Location", ""))


def push(registry: Registry, name: str, tag: str, content: str) -> str:
    """Push the smallest image that there is; return its digest."""
    base = f"http://{registry.address}/v2/{name}"
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {"User": content}})
    digest = f"sha256:{hashlib.sha256(config.encode()).hexdigest()}"
    location = _put(f"{base}/blobs/uploads/", b"", "application/octet-stream", "POST")
    _put(f"{location}&digest={digest}", config.encode(), "application/octet-stream")
    described = {"mediaType": CONFIG, "digest": digest, "size": len(config)}
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": described, "layers": []}
    written = json.dumps(manifest).encode()
    _put(f"{base}/manifests/{tag}", written, MANIFEST)
    return f"sha256:{hashlib.sha256(written).hexdigest()}"


@dataclass(frozen=True)
class Keys:
    """A pair of keys, by the folder that they lie in."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """Who signs, and with which program."""
        key = str(self.folder / "cosign.key")
        return {"COSIGN": str(cosign()), "COSIGN_KEY": key, "COSIGN_PASSWORD": ""}

    def make(self) -> Keys:
        """Write a new pair."""
        self.folder.mkdir()
        made = run(cosign(), "generate-key-pair", cwd=self.folder, env=self.environment)
        assert made.code == 0, made.errors
        return self

    def sign(self, image: str) -> None:
        """Sign an image by its digest, and tell no public log."""
        key = f"--key={self.folder / 'cosign.key'}"
        private = "--use-signing-config=false", "--tlog-upload=false", "--yes"
        signed = run(cosign(), "sign", key, *private, image, env=self.environment)
        assert signed.code == 0, signed.errors


@dataclass(frozen=True)
class Shop:
    """A service in a folder of its own, and a name in a registry."""

    folder: Path
    registry: Registry
    keys: Keys
    name: str = "shop"
    digests: dict[str, str] = field(default_factory=dict)

    @property
    def image(self) -> str:
        """The image's name, without a tag."""
        return f"{self.registry.address}/{self.name}"

    @property
    def environment(self) -> dict[str, str]:
        """What commands run with: as if no `make` had started the tests."""
        return {**APART, **IDENTITY, **self.keys.environment, "MAKEFLAGS": "", "MAKELEVEL": "0"}

    def git(self, *arguments: str) -> str:
        """Return what git says; it must not fail."""
        done = run("git", *arguments, cwd=self.folder, env=self.environment)
        assert done.code == 0, done
        return done.output.strip()

    def commit(self) -> None:
        """Commit all that is there."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "Change")

    def ship(self, version: str, content: str = "", signed: bool = True) -> str:
        """Push a version and sign it; return its digest."""
        digest = push(self.registry, self.name, version, content or version)
        if signed:
            self.keys.sign(f"{self.image}@{digest}")
        self.digests[version] = digest
        return digest

    def make(self, *arguments: str, env: Mapping[str, str] | None = None) -> Outcome:
        """Run `make`."""
        named = f"IMAGE={self.image}"
        more = {**self.environment, **(env or {})}
        return run("make", "--no-print-directory", named, *arguments, cwd=self.folder, env=more)

    def does(self, *arguments: str) -> str:
        """Run `make`, which must not fail; return what it says."""
        done = self.make(*arguments)
        assert done.code == 0, done.errors
        return done.output.strip()

    def refuses(self, *arguments: str) -> str:
        """Return the one sentence with which `make` refuses; all is as it was."""
        before = self.state()
        done = self.make(*arguments)
        assert done.code == 2, done
        assert done.output == ""
        sentence, error = done.errors.splitlines()
        assert error.startswith("make: *** [deploy/deploy.mk:")
        assert self.state() == before
        return sentence

    def state(self) -> tuple[str, str, dict[str, bytes]]:
        """Return what a command could change."""
        files = {
            str(path): path.read_bytes() for path in self.overlays.rglob("*") if path.is_file()
        }
        return self.git("rev-parse", "HEAD"), self.git("status", "--porcelain"), files

    @property
    def overlays(self) -> Path:
        """The folder of the environments."""
        return self.folder / "deploy/overlays"

    def overlay(self, environment: str) -> Path:
        """Return the file that says what an environment runs."""
        return self.overlays / environment / "kustomization.yaml"

    def built(self, environment: str) -> list[dict[str, Any]]:
        """Return the objects that an environment gets."""
        return built(self.overlays / environment)

    def runs(self, environment: str) -> dict[str, str]:
        """Return the digest that each Deployment of an environment runs, by its version."""
        found = {}
        for item in self.built(environment):
            if item["kind"] == "Deployment":
                [container] = item["spec"]["template"]["spec"]["containers"]
                name, _, digest = container["image"].partition("@")
                assert name == self.image
                labels = item["spec"]["template"]["metadata"]["labels"]
                assert (
                    item["metadata"]["labels"]["app.kubernetes.io/version"]
                    == (labels["app.kubernetes.io/version"])
                )
                found[labels["app.kubernetes.io/version"]] = digest
        return found

    def patch(self, environment: str, text: str) -> None:
        """Add to what an environment has of its own, and commit it."""
        file = self.overlays / environment / "settings/kustomization.yaml"
        file.write_text(file.read_text("utf-8") + text, "utf-8")
        assert yaml.safe_load(file.read_text("utf-8"))
        self.commit()

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start `make` and do not wait."""
        return subprocess.Popen(
            ["make", "--no-print-directory", f"IMAGE={self.image}", *arguments],
            cwd=self.folder,
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
