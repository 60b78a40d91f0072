"""A wrong answer gets one sentence that says what would be right, and nothing is written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from .conftest import Copier, Refused
from .support import CARRIED, NOT_DISTROLESS, Fork

# question, wrong answer, what the sentence says would be right
WRONG = [
    ("build_packages", "[null]", "are a list of their names"),
    ("extra_paths", "[~, migrations]", "are a list of files and folders"),
    ("image_repository", "--help/bar", "such as ghcr.io/acme/my-service"),
    ("image_repository", "../bar", "such as ghcr.io/acme/my-service"),
    ("image_repository", "acme.example:0/bar", "such as ghcr.io/acme/my-service"),
    ("package_index", "https://packages.example.com:0/", "an address such as https://"),
    ("app_package", "typing_extensions", "choose a name such as app"),
    ("project_name", "", "1 to 80 characters"),
    ("project_name", "x" * 81, "1 to 80 characters"),
    ("project_name", " spaced ", "without spaces around"),
    ("project_name", "two\nlines", "one line"),
    ("project_name", "bell\x07", "one line"),
    ("project_name", "separated\u2028lines", "one line"),
    ("project_slug", "", "1 to 63 lower-case letters"),
    ("project_slug", "My-Service", "lower-case letters"),
    ("project_slug", "null", "no name to YAML"),
    ("project_slug", "my_service", "letters, digits and dashes"),
    ("project_slug", "1st-service", "begins with a letter"),
    ("project_slug", "-service", "begins with a letter"),
    ("project_slug", "service-", "ends with a letter or digit"),
    ("project_slug", "x" * 64, "1 to 63"),
    ("project_slug", "my.service", "letters, digits and dashes"),
    ("project_slug", "serv\u0456ce", "such as my-service"),  # a Cyrillic letter
    ("project_slug", "service\u0661", "such as my-service"),
    ("project_slug", "service\n", "such as my-service"),
    ("description", "", "1 to 200 characters"),
    ("description", "x" * 201, "1 to 200 characters"),
    ("description", "two\r\nlines", "one line"),
    ("description", "escape\x1b[31m", "one line"),
    ("description", "tab\tstop", "one line"),
    ("user_name", "two\nlines", "one line"),
    ("user_name", "x" * 101, "at most 100 characters"),
    ("user_email", "nobody", "looks like team@example.com"),
    ("user_email", "some body@example.com", "looks like team@example.com"),
    ("user_email", "Team <team@example.com>", "looks like team@example.com"),
    ("user_email", "team@example.com\n", "looks like team@example.com"),
    ("license", "GPL", "choose one of none, MIT, Apache-2.0"),
    ("service_kind", "batch", "choose one of web, worker, job"),
    ("python_version", "2.7", "choose one of 3."),
    ("python_version", "3.9", "choose one of 3."),
    ("python_version", "3", "choose one of 3."),
    ("python_version", "", "choose one of 3."),
    ("base_image", "alpine", "choose one of slim, "),
    ("image_repository", "", "such as ghcr.io/acme/my-service"),
    ("image_repository", "acme/my service", "no scheme, space, tag or digest"),
    ("image_repository", "acme/service:1.0", "no scheme, space, tag or digest"),
    ("image_repository", f"acme/service@sha256:{'0' * 64}", "no scheme, space, tag or digest"),
    ("image_repository", "https://ghcr.io/acme/service", "no scheme, space, tag or digest"),
    ("image_repository", "ghcr.io/Acme/Service", "lower case"),
    ("image_repository", "acme//service", "such as ghcr.io/acme/my-service"),
    ("image_repository", "acme/my..service", "such as ghcr.io/acme/my-service"),
    ("image_repository", "acme/" + "x" * 256, "such as ghcr.io/acme/my-service"),
    ("package_index", "packages.example.com/simple", "an address such as https://"),
    ("package_index", "ftp://packages.example.com/simple", "an address such as https://"),
    ("package_index", "https://packages.example.com/a b", "an address such as https://"),
    ("package_index", "https://packages.example.com/$(id)", "an address such as https://"),
    ("package_index", "https://packages.example.com/#fragment", "an address such as https://"),
    ("package_index", "https://me:secret@packages.example.com/", "credentials do not belong"),
    ("app_package", "", "begins with a letter, such as app"),
    ("app_package", "class", "choose a name such as app"),
    ("app_package", "json", "choose a name such as app"),
    ("app_package", "tests", "choose a name such as app"),
    ("app_package", "fastapi", "choose a name such as app"),
    ("app_package", "aux", "choose a name such as app"),  # a device on Windows
    ("app_package", "App", "lower-case letters"),
    ("app_package", "my-app", "digits and underscores"),
    ("app_package", "my.app", "digits and underscores"),
    ("app_package", "../app", "digits and underscores"),
    ("app_package", "1app", "begins with a letter"),
    ("port", "0", "from 1024 to 65535"),
    ("port", "80", "from 1024 to 65535"),
    ("port", "70000", "from 1024 to 65535"),
    ("port", "http", "no whole number"),
    ("port", "8000.5", "no whole number"),
    ("port", "", "no whole number"),
    ("uid", "0", "0 is root"),
    ("uid", "-1", "from 1 to 2147483647"),
    ("uid", "4294967296", "from 1 to 2147483647"),
    ("uid", "root", "no whole number"),
    ("build_packages", "gcc", "a list of their names, such as [gcc, libpq-dev]"),
    ("build_packages", "[gcc-]", "a list of their names, such as [gcc, libpq-dev]"),
    ("build_packages", "{gcc: 13}", "a list of their names, such as [gcc, libpq-dev]"),
    ("build_packages", "[gcc", "a list of their names, such as [gcc, libpq-dev]"),
    ("build_packages", "[[gcc]]", "a list of their names, such as [gcc, libpq-dev]"),
    ("runtime_packages", "libpq5", "a list of their names, such as [libpq5]"),
    ("runtime_packages", "['libpq5; reboot']", "a list of their names, such as [libpq5]"),
    ("runtime_packages", "['$(reboot)']", "a list of their names, such as [libpq5]"),
    ("runtime_packages", "[--force-yes]", "a list of their names, such as [libpq5]"),
    ("runtime_packages", "[LibPQ5]", "a list of their names, such as [libpq5]"),
    ("absent_libraries", "libcuda.so.1", "a list of their names"),
    ("absent_libraries", "[/usr/lib/libcuda.so.1]", "such as [libcuda.so.1]"),
    ("extra_paths", "migrations", "a list of files and folders"),
    ("extra_paths", "[../secrets]", "files and folders of the repository"),
    ("extra_paths", "[migrations/../../secrets]", "files and folders of the repository"),
    ("extra_paths", "[/etc/passwd]", "files and folders of the repository"),
    ("extra_paths", "['migrations\\versions']", "files and folders of the repository"),
    ("extra_paths", "['my migrations']", "files and folders of the repository"),
    ("extra_paths", "['*']", "files and folders of the repository"),
]


# what else was answered, question, wrong answer, what the sentence says would be right
WRONG_TOGETHER = [
    ("base_image=distroless", "python_version", "3.9", "choose one of 3."),
    ("service_kind=job", "port", "80", "from 1024 to 65535"),
]

RIGHT = [
    ("project_name", "x" * 80),
    ("project_name", "No"),
    ("project_slug", "a"),
    ("project_slug", "a--" + "1" * 60),
    ("user_email", "team+service@mail.example.com"),
    ("image_repository", "registry.example.com:5000/acme/team/my__service"),
    ("image_repository", "localhost:5000/my-service"),
    ("package_index", "http://localhost:3141/root/pypi/+simple/"),
    ("app_package", "my_app2"),
    ("port", 1024),
    ("port", 65535),
    ("uid", 2147483647),
    ("build_packages", ["g++", "libstdc++-12-dev"]),
    ("runtime_packages", ["libpq5", "fonts-dejavu"]),
    ("extra_paths", ["alembic.ini", "db/migrations"]),
    ("absent_libraries", ["libcuda.so.1", "libtbb.so.12"]),
]


@pytest.mark.parametrize(("question", "answer", "right"), WRONG)
def test_a_wrong_answer_is_told_what_would_be_right(
    refused: Refused, question: str, answer: str, right: str
) -> None:
    sentence = refused("--data", f"{question}={answer}")
    assert sentence.startswith(f"{question}: ")
    assert right in sentence
    assert len(sentence) < 250


@pytest.mark.parametrize(("other", "question", "answer", "right"), WRONG_TOGETHER)
def test_an_answer_that_another_one_makes_wrong_is_told_so(
    refused: Refused, other: str, question: str, answer: str, right: str
) -> None:
    sentence = refused("--data", other, "--data", f"{question}={answer}")
    assert sentence.startswith(f"{question}: ")
    assert right in sentence


CRON = ("--data=service_kind=job", "--data=deploy=kustomize")


@pytest.mark.parametrize(
    "schedule",
    [
        "3",
        "/ / / / /",
        "- - - - -",
        "* * * *",
        "0 3 * * * *",
        "*/0 * * * *",
        "0 , * * *",
        "0 3 * * 7",
        "60 3 * * *",
        "0 3 * * foo",
    ],
)
def test_a_schedule_that_no_cluster_takes_is_told_what_would_be_right(
    refused: Refused, schedule: str
) -> None:
    sentence = refused(*CRON, f"--data=schedule={schedule}")
    assert sentence.startswith("schedule: ")
    assert "has five fields, such as 0 3 * * *" in sentence


@pytest.mark.parametrize(
    "schedule",
    [
        "@midnight",
        "*/5 0-6/2 1,15 JAN-MAR,7 mon-fri",
        "59 23 31 12 0",
        "*/05 03 ? 01 05",
        "*/120 * * * *",
    ],
)
def test_a_schedule_is_taken_as_it_is(
    folder: Path, tmp_path: Path, copier: Copier, schedule: str
) -> None:
    command = "copy", "--trust", "--defaults", "--skip-tasks", "--vcs-ref=HEAD", *CRON
    outcome = copier(*command, f"--data=schedule={schedule}", folder, tmp_path / "service")
    assert outcome.code == 0, outcome
    stored = yaml.safe_load((tmp_path / "service/.copier-answers.yml").read_text("utf-8"))
    assert stored["schedule"] == schedule


def test_a_name_that_no_cluster_takes_is_told_how_long_it_may_be(refused: Refused) -> None:
    sentence = refused("--data=deploy=kustomize", f"--data=project_slug={'x' * 53}")
    assert sentence.startswith("deploy: a cluster takes names of at most 52 characters here")


def test_a_base_without_the_python_is_told_where_nothing_carries_it(
    fork: Fork, refused: Refused
) -> None:
    fork.standard(CARRIED, "")
    for python in NOT_DISTROLESS:
        answers = "--data", f"python_version={python}", "--data", "base_image=distroless"
        sentence = refused(*answers, template=fork.path)
        assert sentence.startswith("base_image: ")
        assert f"it has no Python {python}, only" in sentence


@pytest.mark.parametrize(("question", "answer"), RIGHT)
def test_a_right_answer_at_the_edge_is_taken_as_it_is(
    folder: Path, tmp_path: Path, copier: Copier, question: str, answer: object
) -> None:
    text = f"{question}={json.dumps(answer) if isinstance(answer, list) else answer}"
    command = "copy", "--trust", "--defaults", "--skip-tasks", "--vcs-ref=HEAD", "--data", text
    outcome = copier(*command, folder, tmp_path / "service")
    assert outcome.code == 0, outcome
    stored = yaml.safe_load((tmp_path / "service/.copier-answers.yml").read_text("utf-8"))
    assert stored[question] == answer
