"""Every answer is refused with one sentence, or stands exactly in each file that shows it."""

from __future__ import annotations

import json
import shutil
import uuid
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from plumbum import local

from tests.engine import Engine
from tests.hostile.answers import ASKED, COMPUTED, Answers, everything, lines
from tests.hostile.conftest import Tally, Track
from tests.hostile.ordeals import Ordeal, snapshot
from tests.hostile.places import label, places
from tests.render.conftest import Copier

CONTEXT = st.fixed_dictionaries(
    {
        "service_kind": st.sampled_from(["web", "web", "worker", "job"]),
        "base_image": st.sampled_from(["slim", "distroless", "custom"]),
        "license": st.sampled_from(["MIT", "none"]),
        "ci": st.sampled_from(["none", "github", "gitlab"]),
        "deploy": st.sampled_from(["none", "kustomize", "kustomize"]),
    }
)


@pytest.fixture
def ordeal(folder: Path, copier: Copier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ordeal:
    """Return what makes copies in a folder of its own, from where a person stands in it."""
    ordeal = Ordeal(folder, tmp_path / "sandbox", copier)
    monkeypatch.setenv("HOME", str(ordeal.sandbox))
    monkeypatch.chdir(ordeal.sandbox / "work")
    return ordeal


def undergo(ordeal: Ordeal, examples: int, number: int) -> None:
    """Give as many answers to every question; the number decides which."""

    @seed(number)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate],  # a failure names the answer: no need of a smaller one
        suppress_health_check=list(HealthCheck),
    )
    @given(everything(), st.booleans(), CONTEXT)
    def give(answers: Answers, in_file: bool, context: Answers) -> None:
        ordeal.undergo(answers, in_file, context)

    give()


def count(ordeal: Ordeal, tally: Tally) -> int:
    """Note what became of the answers to each question; return how many there were."""
    for question, tried in ordeal.tried.items():
        refused, kept = ordeal.refused[question], ordeal.kept[question]
        assert refused + kept == tried
        assert not (kept and question in COMPUTED)
        figures = {"tried": tried, "refused": refused, "round-tripped": kept}
        name = "what no one is asked" if question in COMPUTED else f"`{question}`"
        tally(f"answers to {name}", **figures)
    assert ordeal.tried.keys() >= set(ASKED)
    assert min(ordeal.refused.total(), ordeal.kept.total()) > ordeal.tried.total() / 6
    return ordeal.tried.total()


@pytest.mark.parametrize("part", range(4))  # which processes that share a run take in turn
def test_each_of_two_thousand_answers_is_refused_or_comes_back(
    ordeal: Ordeal, tally: Tally, part: int
) -> None:
    undergo(ordeal, 17, part)
    assert count(ordeal, tally) >= 500


@pytest.mark.soak
def test_each_of_many_more_answers_is_refused_or_comes_back(
    ordeal: Ordeal, tally: Tally, track: Track
) -> None:
    for number in track(range(4, 40), "answers"):
        undergo(ordeal, 24, number)
    assert count(ordeal, tally) >= 20_000


def test_docker_reads_each_label_as_it_was_answered(
    ordeal: Ordeal, docker: Engine, tmp_path: Path, tally: Tally
) -> None:
    asked = {f"label{number}": line for number, line in enumerate(lines(200))}
    written = []
    for name, line in asked.items():
        assert ordeal.copy({"description": line}, True) is None
        dockerfile = (ordeal.destination / "Dockerfile").read_text("utf-8")
        written.append(f"LABEL {name}={label(dockerfile, 'description')}\n")
        shutil.rmtree(ordeal.destination)
    (tmp_path / "Dockerfile").write_text("FROM scratch\n" + "".join(written), "utf-8")
    run = local["docker"].with_env(**docker.env)
    image = f"labels:{uuid.uuid4()}"
    run("build", "--quiet", "--provenance=false", f"--tag={image}", tmp_path)
    try:
        assert json.loads(run("inspect", "--format={{json .Config.Labels}}", image)) == asked
    finally:
        run("image", "rm", image)
    tally("labels, as Docker reads them", tried=len(asked), **{"round-tripped": len(asked)})


SENTINELS: Answers = {
    "project_name": "Sentinel of Names",
    "project_slug": "sentinel-of-slugs",
    "description": "Sentinel of descriptions.",
    "user_name": "Sentinel of Users",
    "user_email": "sentinel@example.com",
    "image_repository": "ghcr.io/sentinel/of-images",
    "package_index": "https://sentinel.example.com/simple",
    "app_package": "sentinel_package",
    "port": 23451,
    "uid": 34561,
    "build_packages": ["sentinel-of-builds"],
    "runtime_packages": ["sentinel-of-runs"],
    "absent_libraries": ["libsentinel.so.1"],
    "extra_paths": ["sentinel/paths"],
    "template_source": "gh:sentinel/source",
}


@pytest.mark.parametrize("base_image", ["slim", "distroless"])
@pytest.mark.parametrize("service_kind", ["web", "worker", "job"])
def test_every_file_in_which_an_answer_stands_is_read(
    ordeal: Ordeal, service_kind: str, base_image: str
) -> None:
    ci = {"web": "github", "worker": "gitlab", "job": "none"}[service_kind]
    canary = {"canary": "gateway" if base_image == "slim" else "rollouts"}
    kind = {"service_kind": service_kind, "base_image": base_image, "license": "MIT", "ci": ci}
    more = {"web": canary, "worker": {}, "job": {"schedule": "7 5 3 * *"}}[service_kind]
    chosen = {"renovate": True, "deploy": "kustomize", "observability": "opentelemetry"}
    answers = {**SENTINELS, **kind, **more, **chosen}
    answers |= {"compose": True, "pre_commit": True, "devcontainer": True}
    answers |= {"database": "postgresql"}
    assert ordeal.copy(answers, True) is None
    texts = {n: c for n, c in snapshot(ordeal.destination).items() if not n.startswith(".git/")}
    found = places(ordeal.destination)
    for question, answer in (SENTINELS | more).items():
        if question == "canary":  # chooses files, and stands in none
            continue
        word = str(answer[0] if isinstance(answer, list) else answer).encode()
        standing = {name for name, content in texts.items() if word in content}
        read = {place.partition(":")[0] for place in found[question]}
        assert standing <= read, question
