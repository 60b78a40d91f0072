"""What the Dockerfile does in Python: `python Dockerfile.py manifest | environment | code`."""

import ast
import compileall
import contextlib
import importlib.machinery
import importlib.util
import mmap
import os
import pkgutil
import py_compile
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

MANIFEST = Path("/manifest")
# The date is part of the path, because a build's cache looks at names and contents, not at times.
LAYER = Path("/layer", os.getenv("SOURCE_DATE_EPOCH", ""))
VENV = LAYER / "app/.venv"
# 1980-01-02: what a lock decides carries one date on every machine; zip files know none earlier.
FIRST_DATE = 315619200
# The keys of pyproject.toml on which the dependencies depend.
DECIDES = {
    *("requires-python", "requires-poetry", "source", "group", "extras"),
    *("dependencies", "dev-dependencies", "optional-dependencies"),
}
ENVIRONMENT = Path("/environment")
# Bytecode that is valid whatever the files' times, and never stale after an edit in place.
CHECKED = py_compile.PycInvalidationMode.CHECKED_HASH


def manifest() -> None:
    """Reduce pyproject.toml to what decides the dependencies: the part that poetry.lock fits."""
    import tomlkit

    full = tomlkit.parse(Path("pyproject.toml").read_text("utf-8")).unwrap()

    def reduced(table: dict[str, object]) -> dict[str, object]:
        return {key: value for key, value in table.items() if key in DECIDES}

    kept = {
        "project": {"name": "service", "version": "0"} | reduced(full.get("project", {})),
        "dependency-groups": full.get("dependency-groups", {}),
        "tool": {"poetry": reduced(full["tool"]["poetry"]) | {"package-mode": False}},
    }
    MANIFEST.mkdir()
    (MANIFEST / "pyproject.toml").write_text(tomlkit.dumps(kept), "utf-8")
    shutil.copy("poetry.toml", MANIFEST)
    if Path("poetry.lock").exists():
        shutil.copy("poetry.lock", MANIFEST)
        check = [sys.executable, "-m", "poetry", "check", "--lock"]
        if subprocess.run(check, cwd=MANIFEST).returncode == 0:
            return
    sys.exit("poetry.lock is missing or stale: run `make lock` and commit it.")


def environment() -> None:
    """Give the environment to this interpreter; compile it and what it imports of the library."""
    (VENV / "bin/python").unlink()
    (VENV / "bin/python").symlink_to(sys.executable)
    (VENV / "pyvenv.cfg").write_text(
        f"home = {os.path.dirname(sys.executable)}\ninclude-system-site-packages = false\n"
    )
    site = str(next(VENV.glob("lib/python*/site-packages")))
    names = [module.name for module in pkgutil.iter_modules([site])]
    compile_library(site, [*names, "encodings.idna"])  # sockets load it when they first connect
    check_libraries(site)
    finish(FIRST_DATE)


def check_libraries(site: str) -> None:
    """End with a sentence where a module needs a shared library that this image does not have."""
    interpreter = Path(sys.executable).read_bytes()
    loader = re.search(rb"/lib[\w./-]*/ld-[\w.-]+(?=\0)", interpreter)
    assert loader, f"{sys.executable} names no dynamic loader"
    lacking: dict[str, list[str]] = {}
    for path in sorted(path for path in Path(site).rglob("*.so") if path.stat().st_size):
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
    if lacking:
        needs = ", ".join(f"{name} (for {users[0]})" for name, users in sorted(lacking.items()))
        sys.exit(
            f"The image lacks {needs}: add the Debian packages that hold what is missing to "
            "runtime_packages, as the README says."
        )


def compile_library(site: str, names: list[str]) -> None:
    """Compile what importing the modules loads of the standard library, unless it is compiled."""
    # In a process of its own: bytecode depends on what else the compiling process has loaded.
    command = [sys.executable, "-IB", __file__, "imports", site, *names]
    loaded = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    for line in loaded.splitlines():
        source, target = line.split("\t")
        if not Path(f"{ENVIRONMENT}{target}").exists():
            py_compile.compile(source, f"{LAYER}{target}", invalidation_mode=CHECKED)


def imports(site: str, *names: str) -> None:
    """Import the modules; print source and bytecode file of each library module then loaded."""
    sys.path.append(site)
    with contextlib.redirect_stdout(sys.stderr):
        for name in names:
            try:
                __import__(name)
            except BaseException as error:  # some need settings, or what is not installed
                print(f"{name} was not imported: {error!r}")
    library = sysconfig.get_path("stdlib")
    specs = [getattr(module, "__spec__", None) for module in sys.modules.values()]
    for spec in sorted(filter(None, specs), key=lambda spec: spec.name):
        if spec.cached and spec.origin and spec.origin.startswith(library):
            print(spec.origin, spec.cached, sep="\t")


def code() -> None:
    """Compile the application; date it by its commit, or else by its newest file."""
    newest = max(path.stat().st_mtime for path in LAYER.rglob("*") if path.is_file())
    names = set()
    for file in LAYER.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_bytes())):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module)
    check_imports()
    library = {name for name in names if name.split(".")[0] in sys.stdlib_module_names}
    specs = {name: importlib.util.find_spec(name) for name in sorted(library)}
    missing = [
        name
        for name, spec in specs.items()
        if spec and spec.cached and not Path(f"{ENVIRONMENT}{spec.cached}").exists()
    ]
    if missing:
        compile_library("", missing)
    finish(int(os.environ["SOURCE_DATE_EPOCH"] or newest))


def check_imports() -> None:
    """End with a sentence where the application imports a package that the image does not have.

    What it imports in functions, conditions and `try` may be absent for a reason.
    """
    own = {path.stem for path in LAYER.rglob("*")} | sys.stdlib_module_names
    sites = [str(path) for path in ENVIRONMENT.glob("app/.venv/lib/python*/site-packages")]
    for file in sorted(LAYER.rglob("*.py")):
        for node in ast.parse(file.read_bytes()).body:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [str(node.module)]
            for name in {name.partition(".")[0] for name in names} - own:
                if not importlib.machinery.PathFinder.find_spec(name, sites):
                    sys.exit(
                        f"{file.relative_to(LAYER / 'app')} imports {name}, which is not installed "
                        "in the image: add it to the dependencies, not to those of development."
                    )


def finish(date: int) -> None:
    """Compile the layer, and make modes and times the same on every machine."""
    compileall.compile_dir(
        LAYER, force=True, quiet=2, stripdir=LAYER, prependdir="/", invalidation_mode=CHECKED
    )
    for path in [LAYER, *LAYER.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        os.utime(path, (date, date), follow_symlinks=False)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["manifest"]:
            manifest()
        case ["environment"]:
            environment()
        case ["imports", site, *names]:
            imports(site, *names)
        case ["code"]:
            code()
        case _:
            sys.exit(__doc__)
