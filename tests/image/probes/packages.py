"""Which Debian packages the records tell of, and whether their files are as they came."""

import hashlib
import json
from pathlib import Path

RECORDS = Path("/var/lib/dpkg/status.d")


def main() -> None:
    """Print it as JSON."""
    packages, files, changed = {}, [], []
    for record in RECORDS.iterdir():
        if record.suffix != ".md5sums":
            lines = dict(
                line.split(": ", 1)
                for line in record.read_text("utf-8").splitlines()
                if ": " in line
            )
            packages[record.name] = lines["Version"]
            continue
        for line in record.read_text("utf-8").splitlines():
            digest, path = line.split(maxsplit=1)
            file = Path("/", path)
            files.append(str(file.resolve())[1:])
            if file.is_file() and hashlib.md5(file.read_bytes()).hexdigest() != digest:
                changed.append(path)
    print(json.dumps({"packages": packages, "files": files, "changed": changed}))


main()
