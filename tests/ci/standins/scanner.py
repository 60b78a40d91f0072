"""Stands in for the SBOM scanner: speaks BuildKit's protocol, and lists Python packages."""

import json
import os
from importlib.metadata import distributions
from pathlib import Path

source = Path(os.environ["BUILDKIT_SCAN_SOURCE"])
installed = distributions(path=[str(path) for path in source.glob("app/.venv/lib/*/site-packages")])
document = {
    "spdxVersion": "SPDX-2.3",
    "SPDXID": "SPDXRef-DOCUMENT",
    "name": source.name,
    "packages": [
        {"SPDXID": f"SPDXRef-{number}", "name": found.name, "versionInfo": found.version}
        for number, found in enumerate(installed)
    ],
}
statement = {
    "_type": "https://in-toto.io/Statement/v0.1",
    "predicateType": "https://spdx.dev/Document",
    "predicate": document,
}
target = Path(os.environ["BUILDKIT_SCAN_DESTINATION"], f"{source.name}.spdx.json")
target.write_text(json.dumps(statement))
