"""A service with PostgreSQL: migrated before it starts, ready only while its database answers."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from tests.docs.pages import page
from tests.every_day.composed import Composed
from tests.every_day.conftest import Compose
from tests.image.containers import HARDENED, running, until
from tests.image.services import ROOT, BuildFailed

AT_ONCE = """
import subprocess, sys
upgrade = [sys.executable, "-m", "alembic", "upgrade", "head"]
processes = [subprocess.Popen(upgrade) for _ in range(3)]
sys.exit(any([process.wait() for process in processes]))
"""
READY, UNREADY = (200, {"ready": True}), (503, {"ready": False})


@pytest.fixture(scope="module")
def shop(composer: Compose) -> Composed:
    """Return a web service that is up, with its database."""
    service = composer("web", database="postgresql")
    service.compose("up", "--build", "--detach", "--wait")
    return service


def psql(shop: Composed, question: str) -> str:
    """Return what the database answers."""
    name = shop.configuration()["services"]["postgres"]["environment"]["POSTGRES_DB"]
    command = ("psql", "--username=postgres", f"--dbname={name}", "--tuples-only", "--no-align")
    return shop.compose("exec", "--no-TTY", "postgres", *command, "--command", question).strip()


def test_it_is_migrated_and_ready_when_it_is_up(shop: Composed) -> None:
    assert psql(shop, "SELECT version_num FROM alembic_version") == "0001"
    assert shop.container("migrate").state["ExitCode"] == 0
    assert shop.tells("/health/ready") == READY


def test_it_is_unready_while_the_database_does_not_answer(shop: Composed) -> None:
    shop.compose("stop", "postgres")
    assert shop.tells("/health/ready") == UNREADY
    live = shop.tells("/health/live")
    assert live
    assert live[0] == 200
    shop.compose("start", "postgres")
    until(lambda: shop.tells("/health/ready") == READY, "it is ready again")
    told = [line["message"] for line in shop.container().lines if line["level"] == "WARNING"]
    assert [line for line in told if line.startswith("the database does not answer: ")]
    assert "postgres:postgres" not in shop.container().output


def test_those_who_ask_whether_it_is_ready_share_a_connection(shop: Composed) -> None:
    others = "datname = current_database() AND backend_type = 'client backend'"
    container, enough = shop.container(), Event()

    def ask() -> set[int]:
        answers = set()
        while not enough.is_set():
            answers.add(container.get("/health/ready")[0])
        return answers

    with ThreadPoolExecutor(8) as pool:
        asking = [pool.submit(ask) for _ in range(8)]
        try:
            question = f"SELECT count(*) FROM pg_stat_activity WHERE {others}"
            taken = {psql(shop, question) for _ in range(5)}
        finally:
            enough.set()
        assert set().union(*(one.result() for one in asking)) == {200}
    assert max(map(int, taken)) <= 3  # this question's own, one, and one that ends


@pytest.mark.parametrize("address", ["no-address:s3cret", "mysql://user:s3cret@localhost/shop"])
def test_a_wrong_address_ends_it_and_no_log_shows_it(shop: Composed, address: str) -> None:
    shop.service.make("image")
    flags = (*HARDENED, f"--env=DATABASE_URL={address}")
    with running(shop.service.image, shop.service.network, flags=flags) as container:
        assert container.exit_code() == 1
        [line] = container.lines
        assert "database_url" in line["exc_info"]
        assert "s3cret" not in container.output + container.errors


def test_who_follows_the_page_has_a_table_that_a_migration_made(shop: Composed) -> None:
    name = shop.configuration()["services"]["postgres"]["environment"]["POSTGRES_DB"]
    address = f"postgresql://postgres:postgres@127.0.0.1:{shop.database_port}/{name}"
    here = {"POETRY": str(ROOT / ".poetry/bin/poetry"), "DATABASE_URL": address}
    shop.shell(**here).play(page("database.md"))
    assert psql(shop, "SELECT conname FROM pg_constraint WHERE conname = 'uq_orders_name'")
    service = shop.service
    service.run(".venv/bin/alembic", "check", **here)
    service.run("make", "lint", **here)
    assert " passed" in service.run("make", "test", **here)
    assert " passed" in service.make("test-image")
    service.run(".venv/bin/alembic", "downgrade", "base", **here)
    assert psql(shop, "SELECT count(*) FROM pg_tables WHERE tablename = 'orders'") == "0"


def test_two_that_migrate_at_once_wait_for_one_another(shop: Composed) -> None:
    psql(shop, "DROP TABLE IF EXISTS orders, alembic_version")
    shop.compose("run", "--rm", "--no-TTY", "migrate", "python", "-c", AT_ONCE)
    assert psql(shop, "SELECT count(*) FROM alembic_version") == "1"


def test_distroless_reaches_it_too(composer: Compose) -> None:
    worker = composer("worker", database="postgresql", base_image="distroless")
    assert not re.search(
        "runtime_packages: [^[]", (worker.service.folder / ".copier-answers.yml").read_text("utf-8")
    )
    worker.compose("up", "--build", "--detach")
    until(lambda: "one unit of work done" in worker.container().output, "it works")
    assert psql(worker, "SELECT version_num FROM alembic_version") == "0001"


def test_a_migration_that_fails_keeps_the_service_from_starting(composer: Compose) -> None:
    worker = composer("worker", database="postgresql", base_image="distroless")
    worker.compose("down", "--volumes", "--timeout=1")
    worker.edit("migrations/versions/0001_begin.py", '"""Make nothing yet."""', "raise LookupError")
    with pytest.raises(BuildFailed, match="didn't complete successfully"):
        worker.compose("up", "--build", "--detach")
