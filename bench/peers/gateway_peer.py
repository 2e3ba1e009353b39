"""The peer of the gateway benchmark: a central system of `ocpp` and `websockets`, as their guides make one.

`python gateway_peer.py FOLDER CERTIFICATE KEY`, run by this environment's own interpreter. It answers the
same calls as ours and keeps nothing. Schema validation is on for what comes and what goes (the library's
default), but in the event loop instead of a thread a message, which costs it less. Like ours it prints its
port as a JSON line and obeys `settle` and `stop`.

`python gateway_peer.py certificate FOLDER` writes the self-signed certificate that both servers show.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from itertools import count
from pathlib import Path

import ocpp.messages
from ocpp.routing import on
from ocpp.v16 import ChargePoint as ChargePoint16
from ocpp.v16 import call_result as result16
from ocpp.v201 import ChargePoint as ChargePoint201
from ocpp.v201 import call_result as result201
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

ocpp.messages.ASYNC_VALIDATION = False
TRANSACTIONS = count(1)


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


class Station16(ChargePoint16):
    @on("Heartbeat")
    def heartbeat(self) -> result16.Heartbeat:
        return result16.Heartbeat(current_time=now())

    @on("StatusNotification")
    def connector(self, **payload: object) -> result16.StatusNotification:
        return result16.StatusNotification()

    @on("StartTransaction")
    def transaction(self, **payload: object) -> result16.StartTransaction:
        return result16.StartTransaction(
            transaction_id=next(TRANSACTIONS), id_tag_info={"status": "Accepted"}
        )

    @on("MeterValues")
    def values(self, **payload: object) -> result16.MeterValues:
        return result16.MeterValues()


class Station201(ChargePoint201):
    @on("Heartbeat")
    def heartbeat(self) -> result201.Heartbeat:
        return result201.Heartbeat(current_time=now())

    @on("TransactionEvent")
    def transaction(self, **payload: object) -> result201.TransactionEvent:
        if "id_token" in payload:
            return result201.TransactionEvent(id_token_info={"status": "Accepted"})
        return result201.TransactionEvent()


KINDS = {"ocpp1.6": Station16, "ocpp2.0.1": Station201}


async def connected(connection: ServerConnection) -> None:
    kind = KINDS[str(connection.subprotocol)]
    identity = connection.request.path.rpartition("/")[2]
    with suppress(ConnectionClosed):
        await kind(identity, connection).start()


async def run(certificate: str, key: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = await serve(connected, "127.0.0.1", 0, subprotocols=list(KINDS), ssl=context)
    tell({"port": next(iter(server.sockets)).getsockname()[1]})
    orders = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(orders), sys.stdin
    )
    while (await orders.readline()).strip() == b"settle":
        tell({"kept": 0})


def tell(message: dict[str, int]) -> None:
    print(json.dumps(message), flush=True)


def make_certificate(folder: Path) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(hours=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), False)
        .sign(key, hashes.SHA256())
    )
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )


if __name__ == "__main__":
    if sys.argv[1] == "certificate":
        make_certificate(Path(sys.argv[2]))
    else:
        asyncio.run(run(*sys.argv[2:]))
