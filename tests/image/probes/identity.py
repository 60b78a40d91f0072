"""Who the process is, and what it may write."""

import getpass
import json
import os
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path


def writable(folder: Path) -> bool:
    """Whether a file can really be made."""
    try:
        (folder / "probe").write_text("")
        (folder / "probe").unlink()
    except OSError:
        return False
    return True


def main() -> None:
    """Print it as JSON."""
    application = [Path("/app"), *Path("/app").rglob("*")]
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    facts = {
        "uid": os.getuid(),
        "gid": os.getgid(),
        "groups": os.getgroups(),
        "name": getpass.getuser(),
        "home": str(Path.home()),
        "home_writable": writable(Path.home()),
        "temporary_writable": writable(Path(tempfile.gettempdir())),
        "root_writable": writable(Path("/")),
        "application_writable": [
            str(path)
            for path in application
            if not path.is_symlink()
            and (os.access(path, os.W_OK) or (path.is_dir() and writable(path)))
        ],
        "application_owned": [str(path) for path in application if path.lstat().st_uid != 0],
        "capabilities": int(status["CapEff"], 16),
        "capabilities_to_gain": int(status["CapBnd"], 16),
        "no_new_privileges": status["NoNewPrivs"].strip() == "1",
        "system_calls_filtered": status["Seccomp"].strip() == "2",
        "prefix": sys.prefix,
        "path": sys.path,
        "build_tools": [
            name for name in ("pip", "setuptools", "wheel", "poetry") if find_spec(name)
        ],
    }
    print(json.dumps(facts))


main()
