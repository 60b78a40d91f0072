"""Whether shared libraries resolve, modules import and scripts find their Python."""

import ctypes
import importlib
import json
import os
import pkgutil
from pathlib import Path


def fault(library: Path) -> str:
    """Return why a shared library does not load, or an empty string."""
    try:
        ctypes.CDLL(str(library), mode=os.RTLD_NOW)
    except OSError as error:
        return str(error)
    return ""


def main() -> None:
    """Print it as JSON."""
    libraries = [path for path in Path("/app/.venv").rglob("*.so*") if path.is_file()]
    faults = {str(path): fault(path) for path in libraries}
    modules, broken = ["app"], {}
    modules += [module.name for module in pkgutil.walk_packages(["/app/app"], "app.")]
    for module in modules:
        try:
            importlib.import_module(module)
        except Exception as error:
            broken[module] = repr(error)
    scripts = {
        str(path): path.read_bytes().splitlines()[0].decode()[2:].split()[0]
        for path in Path("/app/.venv/bin").iterdir()
        if path.is_file() and path.read_bytes()[:2] == b"#!"
    }
    facts = {
        "libraries": len(libraries),
        "unresolved": {path: why for path, why in faults.items() if why},
        "modules": modules,
        "broken": broken,
        "scripts": {
            path: python for path, python in scripts.items() if not os.access(python, os.X_OK)
        },
    }
    print(json.dumps(facts))


main()
