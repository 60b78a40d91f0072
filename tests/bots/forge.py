"""A git forge on the loopback interface: what surrounds a bot, and nothing of the bot itself.

Repositories are served by git's own `http-backend`; of a forge's API there is what Renovate asks a
Gitea for. What the bot does can then be read: branches in the repositories, pull requests here.
"""

from __future__ import annotations

import base64
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from plumbum import local
from plumbum.commands.base import BaseCommand

Json = Any
BOT = {"id": 1, "login": "bot", "full_name": "Bot", "email": "bot@example.com"}


class Forge:
    """Bare repositories below `root`, and what was said about them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.address = ""
        self.pulls: dict[str, list[dict[str, Json]]] = defaultdict(list)
        self.statuses: dict[str, list[dict[str, Json]]] = defaultdict(list)
        self.comments: dict[str, list[dict[str, Json]]] = defaultdict(list)
        self.issues: dict[str, list[dict[str, Json]]] = defaultdict(list)
        self.digests: dict[str, str] = {}
        self.files: dict[str, tuple[str, bytes]] = {}

    def git(self, repository: str) -> BaseCommand:
        """Return git, for a bare repository of the forge."""
        return local["git"]["--git-dir", self.root / f"{repository}.git"]

    def publish(self, work: Path, repository: str) -> str:
        """Bring main and all tags of a work tree to the forge; return where it is cloned from."""
        bare = self.root / f"{repository}.git"
        if not bare.exists():
            local["git"]("init", "--quiet", "--bare", "--initial-branch", "main", bare)
        local["git"]["-C", work]("push", "--quiet", "--tags", bare, "HEAD:refs/heads/main")
        return f"{self.address}/{repository}.git"

    def branches(self, repository: str) -> list[str]:
        """Return the branches beside main."""
        names = self.git(repository)("for-each-ref", "--format=%(refname:short)", "refs/heads")
        return [name for name in str(names).split() if name != "main"]

    def changed(self, repository: str, branch: str) -> list[str]:
        """Return the files that a branch changes."""
        names = self.git(repository)("diff", "--name-only", "-z", f"main...{branch}")
        return [name for name in str(names).split("\0") if name]

    def show(self, repository: str, branch: str, name: str) -> str:
        """Return a file as a branch has it."""
        return str(self.git(repository)("show", f"{branch}:{name}"))

    # ---- the API, as Gitea documents it

    def about(self, repository: str) -> dict[str, Json]:
        owner, name = repository.split("/")
        return {
            "id": 1,
            "name": name,
            "full_name": repository,
            "owner": {**BOT, "login": owner},
            "clone_url": f"{self.address}/{repository}.git",
            "default_branch": "main",
            "permissions": {"admin": True, "pull": True, "push": True},
            "allow_merge_commits": True,
            "default_merge_style": "merge",
            "has_issues": True,
            "has_pull_requests": True,
        } | dict.fromkeys(("archived", "empty", "fork", "mirror"), False)

    def repositories(self) -> list[str]:
        return [str(path.relative_to(self.root))[:-4] for path in sorted(self.root.glob("*/*.git"))]

    def pull(self, repository: str, sent: dict[str, Json]) -> dict[str, Json]:
        head = sent["head"]
        number = len(self.pulls[repository]) + 1
        made = {
            "number": number,
            "state": "open",
            "title": sent["title"],
            "body": sent["body"],
            "mergeable": True,
            "created_at": "2026-01-01T00:00:00Z",
            "updated_at": "2026-01-01T00:00:00Z",
            "base": {"ref": sent["base"]},
            "head": {
                "label": head,
                "sha": self.git(repository)("rev-parse", head).strip(),
                "repo": self.about(repository),
            },
            "user": BOT,
            "labels": [],
        }
        self.pulls[repository].append(made)
        return made

    def answer(self, method: str, path: str, query: dict[str, list[str]], sent: Json) -> Json:
        """Return what the API says; None where it knows no such thing."""
        match method, path.split("/"):
            case "GET", ["user"]:
                return BOT
            case "GET", ["version"]:
                return {"version": "1.24.0"}
            case "GET", ["repos", "search"]:
                return {"ok": True, "data": [self.about(name) for name in self.repositories()]}
            case "GET", ["repos", owner, name]:
                found = f"{owner}/{name}" in self.repositories()
                return self.about(f"{owner}/{name}") if found else None
            case _, ["repos", owner, name, kind, *rest]:
                return self.within(f"{owner}/{name}", method, kind, rest, query, sent)
        return None

    def within(
        self,
        repository: str,
        method: str,
        kind: str,
        rest: list[str],
        query: dict[str, list[str]],
        sent: Json,
    ) -> Json:
        match method, kind, rest:
            case "GET", "contents", names:
                name, ref = "/".join(names), query.get("ref", ["main"])[0]
                code, content, _ = self.git(repository)["show", f"{ref}:{name}"].run(retcode=None)
                if code:
                    return None
                encoded = base64.b64encode(content.encode()).decode()
                return {"name": name, "path": name, "type": "file", "content": encoded}
            case "GET", "pulls", []:
                return self.pulls[repository]
            case "GET", "pulls", [base, *head]:
                wanted = (base, "/".join(head))
                for pull in self.pulls[repository]:
                    if (pull["base"]["ref"], pull["head"]["label"]) == wanted or wanted == (
                        str(pull["number"]),
                        "",
                    ):
                        return pull
                return None
            case "POST", "pulls", []:
                return self.pull(repository, sent)
            case "PATCH", "pulls", [number]:
                pull = self.pulls[repository][int(number) - 1]
                pull.update({key: sent[key] for key in ("title", "body", "state") if key in sent})
                return pull
            case "GET", "issues", []:
                return self.issues[repository]
            case "POST", "issues", []:
                made = {"number": len(self.issues[repository]) + 1001, "state": "open", **sent}
                self.issues[repository].append(made)
                return self.issues[repository][-1]
            case "GET" | "PATCH", "issues", [number]:
                issue = self.issues[repository][int(number) - 1001]
                issue.update(sent or {})
                return issue
            case "GET", "issues", [_, "comments"]:
                return self.comments[repository]
            case "POST", "issues", [_, "comments"]:
                comment = {"id": len(self.comments[repository]) + 1, **sent}
                self.comments[repository].append(comment)
                return comment
            case "GET", "labels", []:
                return []
            case "GET", "commits", [*branch, "statuses"]:
                ref = "/".join(branch)
                return self.statuses[self.git(repository)("rev-parse", ref).strip()]
            case "POST", "statuses", [sha]:
                said = {"id": 1, "status": sent["state"], "created_at": "2026-01-01T00:00:00Z"}
                self.statuses[sha].insert(0, {**sent, **said})
                return self.statuses[sha][0]
            case "GET", "branches", branch:
                sha = self.git(repository)("rev-parse", "/".join(branch)).strip()
                return {"name": "/".join(branch), "commit": {"id": sha, "author": BOT}}
        return None


class Handler(BaseHTTPRequestHandler):
    """Answers one request: of git, of the API, or for a registry's digest."""

    def __init__(self, forge: Forge, *arguments: Any) -> None:
        self.forge = forge
        super().__init__(*arguments)

    def reply(self, code: int, kind: str, body: bytes, **headers: str) -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def handle_any(self) -> None:
        url = urlsplit(self.path)
        path = unquote(url.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if re.match(r"/[^/]+/[^/]+\.git/", path):
            return self.backend(path, url.query, body)
        if path in self.forge.files:
            return self.reply(200, *self.forge.files[path])
        if image := re.fullmatch(r"/v2/(?:(.+)/(?:manifests/(.+)|tags/list))?", path):
            return self.registry(image[1], image[2])
        if path.startswith("/api/v1/"):
            sent = json.loads(body) if body else None
            said = self.forge.answer(
                self.command, path.removeprefix("/api/v1/"), parse_qs(url.query), sent
            )
            code = 404 if said is None else 201 if self.command == "POST" else 200
            return self.reply(code, "application/json", json.dumps(said).encode())
        return self.reply(404, "text/plain", b"")

    do_GET = do_HEAD = do_POST = do_PATCH = do_PUT = do_DELETE = handle_any

    def registry(self, name: str | None, tag: str | None) -> None:
        if name is None:
            return self.reply(200, "application/json", b"{}")
        if tag is None:
            tags = [
                key.rpartition(":")[2] for key in self.forge.digests if key.startswith(f"{name}:")
            ]
            return self.reply(
                200, "application/json", json.dumps({"name": name, "tags": tags}).encode()
            )
        digest = self.forge.digests.get(f"{name}:{tag}")
        if digest is None:
            return self.reply(404, "application/json", b"{}")
        kind = "application/vnd.oci.image.index.v1+json"
        return self.reply(200, kind, b"{}", Docker_Content_Digest=digest)

    def backend(self, path: str, query: str, body: bytes) -> None:
        variables = {
            "GIT_PROJECT_ROOT": str(self.forge.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REMOTE_USER": "bot",
            "REMOTE_ADDR": "127.0.0.1",
        }
        process: Any = local["git"]["http-backend"].with_env(**variables).popen()  # bytes
        head, _, content = process.communicate(body)[0].partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        code = int(headers.pop("Status", "200").split()[0])
        self.reply(code, headers["Content-Type"], content)

    def log_message(self, *arguments: object) -> None:
        """Say nothing: Renovate's own log says what was asked."""


@contextmanager
def running(root: Path) -> Iterator[Forge]:
    """Serve a forge while the block runs."""
    forge = Forge(root)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, forge)) as server:
        forge.address = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield forge
        finally:
            server.shutdown()
            thread.join()
