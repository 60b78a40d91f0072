"""What the Dockerfile does in Python: uv, lock, install, library, environment, code."""

# What only one step needs is imported there: base images have no bytecode of the library.
import compileall
import importlib.machinery
import importlib.util
import os
import py_compile
import re
import sys
from pathlib import Path
from typing import Any

LOCK = Path("/lock")
VENV = Path("/app/.venv")
# Whom the base image trusts, and what a build may be given as secrets.
TRUSTED = Path("/etc/ssl/certs/ca-certificates.crt")
CA = Path("/run/secrets/ca")
CLIENT_CERT = Path("/run/secrets/client-cert")
NETRC = Path("/root/.netrc")
KNOWN_HOSTS = Path("/root/.ssh/known_hosts")
# The date is part of the path, because a build's cache looks at names and contents, not at times.
LAYER = Path("/tmp/layer", os.getenv("SOURCE_DATE_EPOCH", ""))
# 1980-01-02: what a lock decides carries one date on every machine; zip files know none earlier.
FIRST_DATE = 315619200
# Bytecode that is valid whatever the files' times, and never stale after an edit in place.
CHECKED = py_compile.PycInvalidationMode.CHECKED_HASH
# Of the standard library: tests, screens, and what installs packages.
UNUSED = {"test", "tests", "idlelib", "tkinter", "turtle.py", "turtledemo", "curses", "_pyrepl"}
UNUSED |= {"site-packages", "ensurepip", "venv", "distutils", "lib2to3", "pydoc_data"}
# Of packages: the tests that some bring, and hardly anybody imports.
TESTS = re.compile("/site-packages/.+/tests/")

Table = dict[str, Any]


def uv(wanted: str) -> None:
    """Install uv, which installs the rest."""
    file = Path("/tmp/uv")
    file.write_text(wanted, "utf-8")
    pip = [sys.executable, "-m", "pip", "install", "-vv", "--no-input", "--no-cache-dir"]
    pip += ["--no-compile", "--disable-pip-version-check", "--root-user-action=ignore"]
    pip += ["--target=/opt/uv", f"--requirement={file}"]
    if index := os.environ["INDEX"]:
        pip.append(f"--index-url={index}")
    fetch(pip)


def check_platform() -> None:
    """End with a sentence where the base image is for another platform than the build."""
    machine, wanted = os.uname().machine, os.getenv("TARGETARCH", "")
    if machine != {"amd64": "x86_64", "arm64": "aarch64"}.get(wanted, machine):
        sys.exit(f"The base image is for {machine}: a build for {wanted} needs one for that.")


def lock(tiers: int) -> None:
    """Write what poetry.lock wants as requirements: those of each tier, those of the tests.

    A package's name decides its tier, so that a new version of it changes no other tier.
    """
    check_platform()
    import tomllib
    import zlib

    project = tomllib.loads(Path("pyproject.toml").read_text("utf-8"))
    file = Path("poetry.lock")
    text = file.read_text("utf-8") if file.exists() else ""
    locked = tomllib.loads(text)
    metadata = locked.get("metadata", {})
    fitting = {content_hash(project)}
    if re.match(r"#.* by Poetry 2\.[0-2]\.", text):  # which left these groups out of the hash
        fitting.add(content_hash(project | {"dependency-groups": {}}))
    if metadata.get("content-hash") not in fitting or metadata["lock-version"] < "2.1":
        sys.exit("poetry.lock is missing or stale: run `make lock` and commit it.")
    groups = project.get("tool", {}).get("poetry", {}).get("group", {})
    optional = {canonical(name) for name, group in groups.items() if group.get("optional")}
    packages = locked["package"]
    for package in packages:
        check_address(package.get("source", {}).get("url", ""), "poetry.lock")
    options = indexes(packages)
    for tier in range(tiers):
        names = [p for p in packages if zlib.crc32(p["name"].encode()) % tiers == tier]
        write(LOCK / str(tier), [p for p in names if "main" in p["groups"]], {"main"}, options)
    development = {group for p in packages for group in p["groups"]} - optional - {"main"}
    tests = [package for package in packages if development & set(package["groups"])]
    write(LOCK / "development", tests, development, options)


def canonical(name: str) -> str:
    """Return a name as the lock writes it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def content_hash(pyproject: Table) -> str:
    """Return the hash of what decides the dependencies, as Poetry 2 keeps it in its lock."""
    import hashlib
    import json

    project, poetry = pyproject.get("project", {}), pyproject.get("tool", {}).get("poetry", {})
    keys = ("requires-python", "dependencies", "optional-dependencies")
    content: Table = {}
    if new := {key: project[key] for key in keys if key in project}:
        content["project"] = new
    if groups := pyproject.get("dependency-groups"):
        content["dependency-groups"] = groups
    old = ("dependencies", "source", "extras", "dev-dependencies")
    relevant = {key: poetry[key] for key in (*old, "group") if key in poetry}
    if content:
        content["tool"] = {"poetry": relevant}
    else:
        content = dict.fromkeys(old) | relevant
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def indexes(packages: list[Table]) -> list[str]:
    """Return the options that name each index that a package of the lock comes from."""
    sources = [package.get("source", {"type": "legacy", "url": ""}) for package in packages]
    urls = dict.fromkeys(source["url"] for source in sources if source["type"] == "legacy")
    pages = [url for url in urls if url.endswith((".htm", ".html"))]
    others = [url for url in urls if url and url not in pages]
    options = [f"--find-links {url}" for url in pages]
    if others and "" not in urls:  # the public index may be out of reach
        options.append(f"--index-url {others.pop(0)}")
    return options + [f"--extra-index-url {url}" for url in others]


def write(folder: Path, packages: list[Table], groups: set[str], options: list[str]) -> None:
    """Write the packages as uv reads them; apart from them those from git, which have no hash."""
    hashed, unhashed = [], []
    for package in packages:
        wanting = groups & set(package["groups"])
        line = requirement(package) + condition(package.get("markers"), wanting)
        if package.get("source", {}).get("type") == "git":
            unhashed.append(line)
        else:
            hashed.append(" --hash=".join([line, *(file["hash"] for file in package["files"])]))
    folder.mkdir(parents=True)
    for name, lines in (("hashed", hashed), ("unhashed", unhashed)):
        lines = [*options, *lines] if lines else []
        (folder / name).write_text("".join(f"{line}\n" for line in lines), "utf-8")


def requirement(package: Table) -> str:
    """Return the one version that is locked, with where it comes from."""
    source = package.get("source", {"type": "legacy"})
    url = source.get("url", "")
    if source["type"] in ("directory", "file"):
        sys.exit(f"{package['name']} is locked to the path {url}, which no build has: publish it.")
    if source["type"] == "legacy":
        return f"{package['name']}=={package['version']}"
    if source["type"] == "git":
        url = re.sub(r"^([^/@]+@[^/:]+):", r"ssh://\1/", url)
        url = f"git+{url}@{source['resolved_reference']}"
    part = f"#subdirectory={source['subdirectory']}" if "subdirectory" in source else ""
    return f"{package['name']} @ {url}{part}"


def condition(markers: str | Table | None, groups: set[str]) -> str:
    """Return the marker under which one of the groups wants a package."""
    if isinstance(markers, dict):
        wanted = [markers.get(group) for group in sorted(groups)]
        markers = None if None in wanted else " or ".join(f"({marker})" for marker in wanted)
    return f" ; {markers}" if markers else ""


def install() -> None:
    """Install what the lock wants into an environment; the layer is what that adds to it."""
    import shutil
    import venv

    venv.create(VENV, symlinks=True)
    empty = sorted(VENV.rglob("*"), reverse=True)
    uv = ["uv", "pip", "install", f"--python={VENV}/bin/python", "--no-deps", "--no-config"]
    uv += ["--no-cache", "--no-progress", "--no-python-downloads"]
    # The tiers ask at the same time, and name servers drop a burst of questions.
    os.environ["UV_CONCURRENT_DOWNLOADS"] = "4"
    for name, options in (("hashed", ["--require-hashes"]), ("unhashed", [])):
        file = LOCK / name
        if not (wanted := file.read_text("utf-8")):
            continue
        if name == "unhashed":
            needs = {"git": "git"} | ({"ssh": "openssh-client"} if "git+ssh:" in wanted else {})
            if lacking := [package for tool, package in needs.items() if not shutil.which(tool)]:
                sys.exit(f"Add {' and '.join(lacking)} to build_packages, for git has:\n{wanted}")
        command = [*uv, *options, f"--requirements={file}"]
        # The command line would win over the index that the lock names.
        if (index := os.environ["INDEX"]) and "--index-url" not in wanted:
            command.append(f"--default-index={index}")
        # The lock's hashes say which file it is, wherever that lies; the first says who refuses.
        others = ["--index-strategy=unsafe-best-match"] if "--extra-index-url" in wanted else []
        fetch(command, *([*command, other] for other in others))
    for path in empty:
        if path.is_symlink() or path.is_file():
            path.unlink()
        elif not any(path.iterdir()):
            path.rmdir()
    target = Path(f"{LAYER}{VENV}")
    target.parent.mkdir(parents=True)
    VENV.rename(target)
    finish(FIRST_DATE)


def check_address(url: str, place: str) -> None:
    """End with a sentence where an address holds credentials, which would go into layers."""
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    if parts.password or (parts.username and parts.scheme.startswith("http")):
        sys.exit(
            f"{place} has credentials in the address of {parts.hostname}: take them out, and "
            "give them to the build in a netrc file, `make image NETRC=$HOME/.netrc`."
        )


def fetch(*commands: list[str]) -> None:
    """Ask an index or a git server for packages, by the first command that can.

    What the build was given as secrets are mounted files, and what is made of them goes at the
    end: no layer has them.
    """
    import subprocess
    import tempfile

    check_address(os.environ["INDEX"], "The build")
    with tempfile.NamedTemporaryFile() as both:
        trusted = str(TRUSTED)
        if CA.exists():
            trusted = both.name
            both.write(b"\n".join(file.read_bytes() for file in (TRUSTED, CA) if file.exists()))
            both.flush()
        names = ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT", "GIT_SSL_CAINFO"]
        variables = {**os.environ, **dict.fromkeys(names, trusted)}
        if CLIENT_CERT.exists():
            names = ["SSL_CLIENT_CERT", "PIP_CLIENT_CERT", "GIT_SSL_CERT"]
            variables |= dict.fromkeys(names, str(CLIENT_CERT))
        said = ""
        for command in commands:
            done = subprocess.run(command, env=variables, capture_output=True, text=True)
            print(done.stderr, end="", file=sys.stderr, flush=True)
            if not done.returncode:
                return
            said += done.stdout + done.stderr
    sys.exit(refusal(said) or done.returncode)


def refusal(said: str) -> str | None:
    """Return what was refused, and what would help; None if that is not why a command failed."""
    http = r"40[137] (?:Client Error: )?[A-Z]\w+|could not read Username|Authentication failed"
    trust = "UnknownIssuer|CERTIFICATE_VERIFY_FAILED|certificate verification failed"
    identity = r"(?<=alert: )\w+|ALERT_\w+|PEM lib"
    known_hosts = "SSH=default KNOWN_HOSTS=$HOME/.ssh/known_hosts"
    agent = Path(os.getenv("SSH_AUTH_SOCK", "/nowhere"))
    for pattern, thing, file, flag in (
        (http, "netrc file", NETRC, "NETRC=$HOME/.netrc"),
        (trust, "CA bundle", CA, "CA_BUNDLE=ca.pem"),
        (identity, "client certificate", CLIENT_CERT, "CLIENT_CERT=client.pem"),
        (r"Permission denied \(\S+\)", "SSH agent", agent, "SSH=default"),
        ("key verification failed", "known_hosts file", KNOWN_HOSTS, known_hosts),
    ):
        if found := re.match(rf"(?s)(.*)({pattern})", said):
            urls = re.findall(r"\w[\w+]*://[^\s`'\"<>(),]+", found[1])
            does = f"{urls[-1].rstrip(':') if urls else 'A server'} fails ({found[2]}): "
            if file.exists():
                return f"{does}correct the {thing} of the build, `make image {flag}`."
            return f"{does}give the build a {thing}, `make image {flag}`."
    return None


def library() -> None:
    """Compile the standard library, as far as a service can use it, unless it is compiled."""
    import sysconfig

    root = Path(sysconfig.get_path("stdlib"))
    for path in sorted(root.rglob("*.py")):
        target = importlib.util.cache_from_source(str(path))
        if UNUSED.isdisjoint(path.relative_to(root).parts) and not Path(target).exists():
            py_compile.compile(str(path), f"{LAYER}{target}", invalidation_mode=CHECKED)
    LAYER.mkdir(exist_ok=True)  # where all of it is compiled
    finish(FIRST_DATE)


def environment(*absent: str) -> None:
    """Give the environment to this interpreter; see that it can load what is installed.

    Shared libraries may be absent from the image where they are named.
    """
    python = f"python{sys.version_info.major}.{sys.version_info.minor}"
    compiled = next(VENV.rglob("*.pyc"), None)
    if compiled and compiled.read_bytes()[:4] != importlib.util.MAGIC_NUMBER:
        sys.exit(f"{compiled} was compiled by another Python: the builder must have {sys.version}")
    target = Path(f"{LAYER}{VENV}")
    (target / "bin").mkdir(parents=True)
    for name in ("python", "python3", python):
        (target / "bin" / name).symlink_to(sys.executable)
    (target / "pyvenv.cfg").write_text(
        f"home = {os.path.dirname(sys.executable)}\ninclude-system-site-packages = false\n"
    )
    check_libraries(VENV / "lib" / python / "site-packages", absent)
    finish(FIRST_DATE)


def check_libraries(site: Path, absent: tuple[str, ...]) -> None:
    """End with a sentence where a module needs a shared library that this image does not have."""
    import mmap
    import subprocess

    interpreter = Path(sys.executable).read_bytes()
    loader = re.search(rb"/lib[\w./-]*/ld-[\w.-]+(?=\0)", interpreter)
    if not loader:
        sys.exit(f"{sys.executable} names no dynamic loader, so libraries cannot be looked for.")
    lacking: dict[str, list[str]] = {}
    for path in sorted(path for path in site.rglob("*.so") if path.stat().st_size):
        [suffix] = [s for s in importlib.machinery.EXTENSION_SUFFIXES if path.name.endswith(s)][:1]
        stem = path.name.removesuffix(suffix)
        # Others are no modules: libraries of modules, which are looked at with these, and plugins.
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            importable = data.find(f"PyInit_{stem}".encode()) != -1
        if importable:
            module = ".".join([*path.parent.relative_to(site).parts, stem])
            command = [loader[0].decode(), str(path)]
            trace = {**os.environ, "LD_TRACE_LOADED_OBJECTS": "1"}  # which is what ldd does
            done = subprocess.run(command, env=trace, capture_output=True, text=True)
            for line in f"{done.stdout}{done.stderr}".splitlines():
                if found := re.search(r"(\S+) => not found|(version .*) not found", line):
                    lacking.setdefault(found[1] or found[2], []).append(module)
    for name in absent:
        lacking.pop(name, None)
    if lacking:
        needs = ", ".join(f"{name} (for {users[0]})" for name, users in sorted(lacking.items()))
        sys.exit(
            f"The image lacks {needs}: answer runtime_packages with Debian packages that hold it, "
            "or absent_libraries with what the machine brings."
        )


def code() -> None:
    """Compile the application; date it by its commit, or else by its newest file."""
    newest = max(path.stat().st_mtime for path in LAYER.rglob("*") if path.is_file())
    check_imports()
    finish(int(os.environ["SOURCE_DATE_EPOCH"] or newest))


def check_imports() -> None:
    """End with a sentence where the application imports a package that the image does not have.

    What it imports in functions, conditions and `try` may be absent for a reason.
    """
    import ast
    import site

    here = (path for path in (LAYER / "app").iterdir() if path.is_dir() or path.suffix == ".py")
    own = {path.stem for path in here} | sys.stdlib_module_names
    for path in VENV.glob("lib/python*/site-packages"):
        site.addsitedir(str(path))
    for file in sorted(LAYER.rglob("*.py")):
        name = file.relative_to(LAYER / "app")
        try:
            statements = ast.parse(file.read_bytes()).body
        except SyntaxError as error:
            sys.exit(f"{name}, line {error.lineno}, is no Python: {error.msg}.")
        for node in statements:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [str(node.module)]
            for module in {module.partition(".")[0] for module in names} - own:
                if not importlib.util.find_spec(module):
                    sys.exit(
                        f"{name} imports {module}, which is not installed in the image: "
                        "add it to the dependencies, not to those of development."
                    )


def finish(date: int) -> None:
    """Compile the layer, and make modes and times the same on every machine."""
    compileall.compile_dir(
        LAYER,
        force=True,
        quiet=2,
        rx=TESTS,
        stripdir=LAYER,
        prependdir="/",
        invalidation_mode=CHECKED,
    )
    for path in [LAYER, *LAYER.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        os.utime(path, (date, date), follow_symlinks=False)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["uv", wanted]:
            uv(wanted)
        case ["lock", tiers]:
            lock(int(tiers))
        case ["install"]:
            install()
        case ["library"]:
            library()
        case ["environment", *absent]:
            environment(*absent)
        case ["code"]:
            code()
        case _:
            sys.exit(__doc__)
