"""What a browser loads without signing in: console, driver's page, QR codes, the description."""

from __future__ import annotations

import gzip
import re
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import httpx
import msgspec
import pytest
from sqlalchemy import Connection

from ampacity.api.console import Assets
from ampacity.api.server import AddressTaken, HttpServer
from ampacity.store import StoreUnavailable
from ampacity.store.operators import put_setting

from .node import OPERATOR, Node, running_node

API = "/api/v1"
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def web(tmp_path: Path) -> Path:
    """A built console in small."""
    web = tmp_path / "web"
    (web / "assets").mkdir(parents=True)
    (web / "index.html").write_text("<!doctype html><title>Console</title>" + " " * 500)
    (web / "driver.html").write_text("<!doctype html><title>Driver</title>")
    (web / "assets" / "app-1a2b.js").write_text("console.log('äöü')\n" * 100)
    (web / "mark.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (tmp_path / "secret.txt").write_text("secret")
    (web / ".hidden").write_text("secret")
    return web


@pytest.fixture
async def served(tmp_path: Path, web: Path) -> AsyncIterator[Node]:
    async with running_node(tmp_path, web=web) as node:
        yield node


async def test_the_console_and_its_addresses(served: Node) -> None:
    client = served.client()
    for path in ("/", "/stations/CP.01", "/transactions", "/index.html"):
        answer = await client.get(path)
        assert answer.status_code == 200, path
        assert "Console" in answer.text
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert answer.headers["cache-control"] == "no-cache"
    for path in ("/e/abc123", "/driver.html"):
        assert "Driver" in (await client.get(path)).text


async def test_files_are_kept_compressed_and_asked_for_by_etag(served: Node, web: Path) -> None:
    client = served.client()
    answer = await client.get("/assets/app-1a2b.js")
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["vary"] == "accept-encoding"
    assert answer.text == (web / "assets" / "app-1a2b.js").read_text()
    plain = await client.get("/assets/app-1a2b.js", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.content == answer.content
    async with client.stream("GET", "/assets/app-1a2b.js") as raw:
        sent = b"".join([part async for part in raw.aiter_raw()])
    assert gzip.decompress(sent) == plain.content  # compressed once, not twice
    page = await client.get("/")
    again = await client.get("/", headers={"if-none-match": page.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    (web / "index.html").write_text("<!doctype html><title>New</title>")
    renewed = await client.get("/", headers={"if-none-match": page.headers["etag"]})
    assert renewed.status_code == 200
    assert "New" in renewed.text


async def test_each_answer_carries_the_security_headers(served: Node) -> None:
    client = served.client()
    for path in ("/", "/assets/app-1a2b.js", "/e/x", f"{API}/me", f"{API}/health", "/assets/none.js"):
        headers = (await client.get(path)).headers
        policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
        assert policy["default-src"] == "'self'", path
        assert policy["script-src"] == "'self'"
        assert policy["frame-ancestors"] == "'none'"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "server" not in headers
    assert (await client.get(f"{API}/health")).headers["cache-control"] == "no-store"


async def test_nothing_outside_the_folder_is_served(served: Node) -> None:
    client = served.client()
    for path in (
        "/..%2Fsecret.txt",
        "/assets/..%2F..%2Fsecret.txt",
        "/%2e%2e/secret.txt",
        "/.hidden",
        "/assets/none.js",
        "/none.png",
        "/%00",
        "/assets/",
        "//etc/passwd",
    ):
        answer = await client.get(path)
        assert "secret" not in answer.text.replace("secret.txt", ""), path
        assert "root:" not in answer.text
        if path in ("/assets/none.js", "/none.png"):
            assert answer.status_code == 404


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../secret.txt", "assets/../../secret.txt", ".hidden", "", "a\0b"]
)
def test_a_name_that_leaves_the_folder_is_no_file(web: Path, name: str) -> None:
    assert Assets(web).find(name) is None
    assert Assets(web).find("mark.svg") is not None


async def test_a_console_that_is_not_built_says_so(tmp_path: Path) -> None:
    async with running_node(tmp_path, web=tmp_path / "nothing") as node:
        answer = await node.client().get("/")
        assert answer.status_code == 503
        assert "./dev web" in answer.text
        assert (await node.client().get(f"{API}/health")).status_code == 200


async def code_of(node: Node, evse: str = "CP-1/1") -> str:
    client = await node.as_role("viewer")
    link = (await client.get(f"{API}/evses/{evse}/link")).json()
    assert link["path"] == f"/e/{link['code']}"
    code: str = link["code"]
    return code


async def test_a_driver_sees_the_state_and_nothing_of_who_charges(node: Node) -> None:
    code = await code_of(node)
    anybody = node.client()
    idle = (await anybody.get(f"{API}/public/evses/{code}")).json()
    assert (idle["site_name"], idle["label"], idle["state"], idle["energy_wh"]) == (
        "Workplace",
        "A1",
        None,
        None,
    )
    peer = node.peer("CP-1")
    await peer.connect()
    transaction_id = await peer.start(token="PERSONAL-7")
    await peer.meter(transaction_id, 1500.0, 7000.0)
    await node.site.set_limit("garage", 6.0, "user:anna", None, None, "user:anna")
    await node.until(lambda: node.site.view().circuits[1].limit_a == 6.0)
    answer = await anybody.get(f"{API}/public/evses/{code.upper()}")
    shown = answer.json()
    assert (shown["power_w"], shown["energy_wh"]) == (7000.0, 500.0)
    assert shown["state"] in ("charging", "waiting")
    assert shown["online"]
    state = node.csms.station("CP-1")
    assert state is not None
    [row] = state.transactions.values()
    for personal in ("PERSONAL", "anna", row.transaction_id, "token", "CP-1"):
        assert personal not in answer.text
    assert answer.headers["cache-control"] == "no-store"


async def test_a_wrong_code_is_not_found_and_guessing_is_limited(node: Node) -> None:
    theirs = node.access.driver_code(("XX-1", 1))
    anybody = node.client()
    answers = [await anybody.get(f"{API}/public/evses/{code}") for code in (theirs, "x" * 500, "nothing")]
    assert [answer.status_code for answer in answers] == [404, 404, 404]
    statuses = [(await anybody.get(f"{API}/public/evses/guess{n}")).status_code for n in range(20)]
    assert statuses[:17] == [404] * 17
    assert statuses[-1] == 429
    assert (await anybody.get(f"{API}/health")).status_code == 200


async def test_the_qr_code_is_a_drawing_that_points_here(node: Node) -> None:
    client = await node.as_role("viewer")
    answer = await client.get(f"{API}/evses/CP-1/1/qr.svg")
    assert answer.headers["content-type"].startswith("image/svg+xml")
    drawing = ElementTree.fromstring(answer.content)
    assert drawing.tag.endswith("svg")
    assert "script" not in answer.text
    other = await client.get(f"{API}/evses/CP-2/1/qr.svg")
    assert other.content != answer.content
    assert (await client.get(f"{API}/evses/CP-9/1/qr.svg")).status_code == 404


async def test_the_description_is_whole_and_leads_nowhere_else(node: Node) -> None:
    client = node.client()
    document = (await client.get(f"{API}/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    names = set(document["components"]["schemas"])

    def references(part: object) -> set[str]:
        if isinstance(part, dict):
            own = {part["$ref"].rsplit("/", 1)[-1]} if isinstance(part.get("$ref"), str) else set()
            return own.union(*(references(inner) for inner in part.values()))
        if isinstance(part, list):
            return set[str]().union(*(references(inner) for inner in part))
        return set()

    assert references(document["paths"]) <= names
    operations = [
        (path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    assert len(operations) > 50
    for path, method, operation in operations:
        assert operation["summary"], (path, method)
        assert operation["description"], (path, method)
        named = {p["name"] for p in operation.get("parameters", []) if p["in"] == "path"}
        assert named == {part[1:-1] for part in path.split("/") if part.startswith("{")}, path
    assert len({operation["operationId"] for _, _, operation in operations}) == len(operations)
    page = await client.get(f"{API}/docs")
    assert page.status_code == 200
    assert "<script" not in page.text
    assert not re.search(r"https?:", page.text)
    assert f"PUT {API}/sites/{{site_id}}/strategy" in page.text


async def test_health_and_version(node: Node) -> None:
    client = node.client()
    health = (await client.get(f"{API}/health")).json()
    assert health["status"] == "ok"
    version = (await client.get(f"{API}/version")).json()
    assert (version["name"], version["api"]) == ("ampacity", "v1")


async def test_health_says_what_is_wrong_with_the_store_what_helps_and_since_when(
    node: Node, tmp_path: Path
) -> None:
    client = node.client()
    before = datetime.now(UTC)

    def no_room(connection: Connection) -> None:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")

    def much(connection: Connection) -> None:
        put_setting(connection, OPERATOR, "much", "x" * 100_000, before)

    await node.store.write(no_room)
    since = set()
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await node.store.write(much)
        answer = await client.get(f"{API}/health")
        assert answer.status_code == 503
        told = answer.json()
        assert told["what"] == "The database can't be used: the disk is full."
        assert told["trouble"]["kind"] == "full"
        assert told["trouble"]["remedy"].startswith("Free space or move the data")
        assert str(tmp_path) not in answer.text
        since.add(datetime.fromisoformat(told["trouble"]["since"]))
    (beginning,) = since
    assert before < beginning < datetime.now(UTC)
    await node.store.write(lambda connection: connection.exec_driver_sql("PRAGMA max_page_count=1000000"))
    # That there is room is known when something was written.
    await node.store.write(much)
    assert (await client.get(f"{API}/health")).status_code == 200


async def test_a_store_that_can_not_write_is_no_health(tmp_path: Path) -> None:
    async with running_node(tmp_path) as node:
        key = await node.key("operator")
        await node.store.close()
        client = node.client(authorization=f"Bearer {key}")
        for path in ("/health", "/me"):
            answer = await client.get(API + path)
            assert answer.status_code == 503, answer.text
            assert answer.json()["type"] == "urn:ampacity:store-unavailable"
            assert str(tmp_path) not in answer.text


async def test_an_answer_waits_for_no_receipt(node: Node) -> None:
    """Its head and its body go out at once: a client's system acknowledges the head after 40 ms at the
    soonest, and an answer takes two."""
    client = node.client()
    seconds = []
    for _ in range(15):
        began = time.perf_counter()
        await client.get(f"{API}/health")
        seconds.append(time.perf_counter() - began)
    assert statistics.median(seconds) < 0.03


async def test_a_body_that_is_too_large(node: Node) -> None:
    client = await node.as_role("operator")
    answer = await client.put(f"{API}/tokens/x", content=b'{"value":"' + b"x" * 2_000_000 + b'"}')
    assert answer.status_code == 413
    assert msgspec.json.decode(answer.content)["type"] == "urn:ampacity:too-large"


async def test_a_port_that_is_taken(node: Node) -> None:
    second = HttpServer(node.server._app, "127.0.0.1", node.server.port)
    with pytest.raises(AddressTaken, match=f"127.0.0.1:{node.server.port}"):
        await second.start()


def test_the_browser_s_types_are_those_of_the_structs() -> None:
    check = subprocess.run(
        [sys.executable, ROOT / "tools" / "api_types.py", "--check"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert check.returncode == 0, check.stderr


async def test_a_long_answer_is_compressed(node: Node) -> None:
    client: httpx.AsyncClient = await node.as_role("viewer")
    answer = await client.get(f"{API}/openapi.json")
    assert answer.headers.get("content-encoding") == "gzip"
    assert answer.json()["info"]["title"] == "Ampacity"
