"""The same by hand, where people and networks do their worst: one sentence, nothing half done."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.ci import tools
from tests.ci.conftest import LOGIN, Service, World
from tests.docs.pages import page
from tests.engine.registry import registry


@pytest.fixture(scope="module")
def service(world: World) -> Service:
    """Return a service whose developer has logged in."""
    made = world.service("task", ci="github")
    assert made.make("login", **LOGIN).code == 0
    return made


def released(service: Service, tag: str, **env: str) -> str:
    """Tag a new commit and push it; return the digest."""
    service.commit(f"Prepare {tag}")
    service.git("tag", f"v{tag}")
    pushed = service.make("push", **env)
    assert pushed.code == 0, pushed.log
    digest = service.digest(tag)
    assert digest
    return digest


def test_a_wrong_password_is_said_in_one_sentence(service: Service) -> None:
    refused = service.make("login", **LOGIN | {"REGISTRY_PASSWORD": "wrong"})
    assert "lets pipeline not in" in refused.sentence
    assert "set REGISTRY_USER and REGISTRY_PASSWORD" in service.make("login").sentence
    assert service.make("login", **LOGIN).code == 0


def test_an_image_is_pushed_and_signed_by_hand(service: Service, world: World) -> None:
    digest = released(service, "0.1.0")
    assert service.ask(f"release.signed({digest!r})") is False
    assert "say with COSIGN_KEY" in service.make("sign").sentence
    signed = service.make("sign", **world.key)
    assert signed.code == 0, signed.log
    assert service.ask(f"release.signed({digest!r})") is True
    assert service.digest("0.1.0") == digest


def test_a_commit_without_the_key_is_told_why_it_cannot_be_signed(
    service: Service, world: World
) -> None:
    service.git("rm", "--quiet", "cosign.pub")
    released(service, "0.1.1")
    refused = service.make("sign", **world.key)
    assert refused.sentence.startswith("This commit has no cosign.pub, so ")
    service.git("revert", "--no-edit", "HEAD")


def test_the_signature_of_another_key_does_not_count(service: Service, world: World) -> None:
    digest = released(service, "0.2.0")
    other = world.folder / "other"
    other.mkdir()
    password = {"COSIGN_PASSWORD": "another"}
    assert service.run("sh", "-c", f"cd {other} && $COSIGN generate-key-pair", **password).code == 0
    sign = (
        '"$COSIGN" sign --yes --use-signing-config=false --tlog-upload=false --key="$KEY" "$WHAT"'
    )
    what = f"{service.image}@{digest}"
    key = str(other / "cosign.key")
    assert service.run("sh", "-c", sign, WHAT=what, KEY=key, **password).code == 0
    assert service.ask(f"release.signed({digest!r})") is False


def test_a_tag_that_moved_to_another_commit_pushes_nothing(service: Service, world: World) -> None:
    digest = released(service, "0.3.0", **world.key)
    service.commit("Change")
    service.git("tag", "--force", "v0.3.0")
    refused = service.make("push", **world.key)
    assert re.search(r"0\.3\.0 is in the registry, made of [0-9a-f]{12}", refused.sentence)
    assert service.digest("0.3.0") == digest


def test_the_same_commit_with_other_bytes_is_not_pushed_again(
    service: Service, world: World
) -> None:
    digest = released(service, "0.4.0")
    flags = f"{world.env['DOCKER_BUILD_FLAGS']} --label=other=bytes"
    refused = service.make("push", DOCKER_BUILD_FLAGS=flags)
    assert "0.4.0 is in the registry with other bytes" in refused.errors
    assert service.digest("0.4.0") == digest
    again = service.make("push", **world.key)  # the same bytes: now there is a key to sign with
    assert again.code == 0, again.log
    assert service.digest("0.4.0") == digest
    assert service.ask(f"release.signed({digest!r})") is True


def test_a_password_that_does_not_open_the_key_is_said_before_anything_is_built(
    service: Service, world: World
) -> None:
    service.commit("Prepare 0.4.1")
    refused = service.make("push", **world.key | {"COSIGN_PASSWORD": "wrong"})
    assert refused.sentence == (
        "COSIGN_PASSWORD does not open COSIGN_PRIVATE_KEY: set the password of that key."
    )
    assert refused.output == ""
    gone = {"COSIGN_KEY": "gone.key", "COSIGN_PASSWORD": ""}
    sentence = service.make("push", **gone).sentence
    assert sentence == "gone.key cannot sign: open gone.key: no such file or directory."


def test_a_version_without_a_signature_has_no_tag_yet(
    service: Service, world: World, tmp_path: Path
) -> None:
    service.commit("Prepare 0.5.0")
    service.git("tag", "v0.5.0")
    cosign = tmp_path / "cosign"
    lost = 'test "$1" = sign && echo "error during command execution: lost" >&2 && exit 1'
    cosign.write_text(f'#!/bin/sh\n{lost}\nexec {tools.cosign()} "$@"\n')
    cosign.chmod(0o755)
    broken = service.make("push", **world.key, COSIGN=str(cosign))
    assert "could not be signed: lost" in broken.errors
    assert service.digest("0.5.0") is None
    finished = service.make("push", **world.key)
    assert finished.code == 0, finished.log
    assert service.ask("release.signed(release.digest('0.5.0'))") is True


def test_what_a_pipeline_left_unfinished_another_clone_finishes(
    service: Service, world: World
) -> None:
    service.commit("Prepare 0.6.0")
    service.git("tag", "v0.6.0")
    origin = service.git("remote", "get-url", "origin")
    token = origin.replace("https://", "https://gitlab-ci-token:secret@")
    service.git("remote", "set-url", "origin", token)
    assert service.make("push").code == 0
    digest = service.digest("0.6.0")
    service.git("remote", "set-url", "origin", "git@gitlab.com:acme/task.git")
    finished = service.make("push", **world.key)
    service.git("remote", "set-url", "origin", origin)
    assert finished.code == 0, finished.log
    assert service.digest("0.6.0") == digest
    assert service.ask(f"release.signed({digest!r})") is True
    assert service.ask(f"release.labels({digest!r})")["org.opencontainers.image.source"] == (
        "https://gitlab.com/acme/task"
    )


def test_a_pipeline_that_cannot_sign_builds_nothing(service: Service) -> None:
    refused = service.make("push", CI="true")
    assert "give it COSIGN_PRIVATE_KEY" in refused.sentence


def test_what_nobody_has_logged_in_to_is_said_so(service: Service, world: World) -> None:
    empty = world.folder / "nobody"
    shutil.copytree(world.engine.env.get("DOCKER_CONFIG", empty), empty, dirs_exist_ok=True)
    refused = service.make("sign", DOCKER_CONFIG=str(empty), **world.key)
    assert re.search(r"answers 401 for .*: run `make login`", refused.sentence)


def test_a_registry_that_is_down_is_said_so(service: Service) -> None:
    refused = service.make("sign", "IMAGE=127.0.0.1:1/acme/task")
    assert "127.0.0.1:1 does not answer" in refused.sentence


def test_without_a_key_or_a_pipeline_nobody_is_trusted(world: World) -> None:
    service = world.service("plain", key=False, ci="github")
    (service.folder / ".github/workflows/ci.yml").unlink()
    code = "import release; release.signed('sha256:0')"
    refused = service.run("python3", "-B", "-c", code, IMAGE=service.image)
    assert "Nobody's signature counts here yet" in refused.errors


@pytest.mark.parametrize(
    ("ci", "origin", "who", "issuer"),
    [
        (
            "github",
            "git@github.com:acme/shop.git",
            "https://github.com/acme/shop/.github/workflows/ci.yml@refs/tags/v1.0.0",
            "https://token.actions.githubusercontent.com",
        ),
        (
            "gitlab",
            "https://gitlab.com/acme/teams/shop.git",
            "https://gitlab.com/acme/teams/shop//.gitlab-ci.yml@refs/heads/main",
            "https://gitlab.com",
        ),
    ],
)
def test_without_a_key_the_pipeline_itself_is_trusted(
    world: World, ci: str, origin: str, who: str, issuer: str
) -> None:
    service = world.service(f"keyless-{ci}", key=False, ci=ci)
    service.git("remote", "set-url", "origin", origin)
    trusted = dict(flag.split("=", 1) for flag in service.ask("release._trusted()"))
    assert trusted["--certificate-oidc-issuer"] == issuer
    pattern = trusted["--certificate-identity-regexp"]
    assert re.fullmatch(pattern, who)
    for other in (who.replace("acme", "evil"), who.replace("/ci.yml", "/x.yml"), who + "/x"):
        assert other == who or not re.fullmatch(pattern, other.replace("refs/tags/v1.0.0/x", "no"))


def test_a_registry_with_passwords_of_its_own_is_read_too(service: Service, world: World) -> None:
    hashed = "$2b$04$pI9FLiaFGOAWinxd7WbZJ.aNODJcqtVNVgVP3T0/zNpfnz8670SK."
    file = world.folder / "htpasswd"
    file.write_text(f"developer:{hashed}\n")
    auth = f"auth: {{htpasswd: {{realm: registry, path: {file}}}}}\n"
    with registry(auth) as running:
        image = f"IMAGE={running.address}/acme/task"
        user = {"REGISTRY_USER": "developer", "REGISTRY_PASSWORD": "correct horse battery"}
        assert "answers 401" in service.make("sign", image, **world.key).sentence
        assert service.make("login", image, **user).code == 0
        assert "run `make push` first" in service.make("sign", image, **world.key).sentence


def test_cosign_that_is_not_here_is_said_so(service: Service) -> None:
    assert tools.cosign().exists()
    code = "import release; release.signed('sha256:0')"
    env = {"IMAGE": service.image, "COSIGN": "/nonexistent/cosign"}
    refused = service.run("python3", "-B", "-c", code, **env)
    assert "was not found: install it" in refused.errors


def test_the_commands_of_the_documentation_do_what_it_says(world: World) -> None:
    service = world.service("documented", key=False, ci="github")
    for block in page("ci.md").to_run:
        done = service.run("sh", "-e", "-c", block.text, **LOGIN, COSIGN_PASSWORD="a password")
        assert done.code == 0, done.log
    assert done.output.startswith("1.0.0\n")
    assert service.ask("release.signed(release.digest('1.0.0'))") is True
    assert service.git("status", "--porcelain") == ""


def test_what_is_attached_to_an_image_is_read_as_the_page_says(
    service: Service, world: World
) -> None:
    digest = released(service, "1.4.2", **world.key)
    [block] = page("supply-chain.md").to_run
    image = "ghcr.io/acme/my-service"
    assert image in block.text
    commands = block.text.replace(image, service.image)
    done = service.run("bash", "-e", "-c", commands)
    assert done.code == 0, done.log
    sbom, provenance, signatures = documents(done.output)
    assert "pydantic" in {package["name"] for package in sbom["packages"]}
    assert "python@3.13-slim-trixie" in json.dumps(provenance)
    [signature] = signatures
    assert signature["critical"]["image"]["docker-manifest-digest"] == digest
    service.commit("Prepare 1.4.3")
    service.git("tag", "v1.4.3")
    assert service.make("push").code == 0
    unsigned = service.run("bash", "-e", "-c", commands.replace("1.4.2", "1.4.3"))
    assert unsigned.code != 0
    assert "no signatures found" in unsigned.errors


def documents(text: str) -> list[Any]:
    """Return the JSON documents that stand one after the other."""
    found = []
    while text := text.strip():
        document, end = json.JSONDecoder().raw_decode(text)
        found.append(document)
        text = text[end:]
    return found
