"""Whether bytecode files are valid by their source's hash, whatever its time."""

import importlib.util
import json
import marshal
import sys
from pathlib import Path

CHECKED_HASH = 0b11


def fault(bytecode: Path) -> str:
    """Return what is wrong with a bytecode file, or an empty string."""
    if not bytecode.exists():
        return "missing"
    content = bytecode.read_bytes()
    source = Path(importlib.util.source_from_cache(str(bytecode)))
    if content[:4] != importlib.util.MAGIC_NUMBER:
        return "of another Python"
    if int.from_bytes(content[4:8], "little") != CHECKED_HASH:
        return "not checked by hash"
    if content[8:16] != importlib.util.source_hash(source.read_bytes()):
        return "stale"
    if marshal.loads(content[16:]).co_filename != str(source):
        return "compiled elsewhere: tracebacks would show no lines"
    return ""


def main() -> None:
    """Read paths of bytecode files as JSON; print a fault for each that has one."""
    faults = {path: fault(Path(path)) for path in json.load(sys.stdin)}
    print(json.dumps({path: why for path, why in faults.items() if why}))


main()
