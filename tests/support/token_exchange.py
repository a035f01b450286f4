"""Replaces https://sts.googleapis.com, where gcloud restricts a token before it injects it.

gcloud asks that host whatever its endpoint overrides say, so the stand-in is a proxy on loopback
that answers for it in TLS, with a certificate of its own, and refuses every other host.
"""

from __future__ import annotations

import json
import re
import socket
import ssl
import subprocess
import threading
from pathlib import Path
from typing import Self

HOST = "sts.googleapis.com"


class TokenExchange:
    """A context manager; `environment` points gcloud at it, with an invalid access token."""

    def __init__(self, directory: Path) -> None:
        self._certificate, self._key = directory / "sts.pem", directory / "sts-key.pem"
        self._token = directory / "token"
        self._token.write_text("nobody's token")
        command = (
            "openssl req -x509 -newkey rsa:2048 -nodes -days 2 "
            f"-subj /CN={HOST} -addext subjectAltName=DNS:{HOST} "
            f"-out {self._certificate} -keyout {self._key}"
        )
        subprocess.run(command.split(), check=True, capture_output=True, timeout=60)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(self._certificate, self._key)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._stopped = threading.Event()
        self.asked: list[str] = []  # the hosts that were asked for

    @property
    def environment(self) -> dict[str, str]:
        return {
            "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "False",
            "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(self._token),
            "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE": str(self._certificate),
            "HTTPS_PROXY": f"http://127.0.0.1:{self._socket.getsockname()[1]}",
            "NO_PROXY": "127.0.0.1",
        }

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        # Closing a socket doesn't end a waiting accept; a connection does.
        socket.create_connection(self._socket.getsockname()).close()
        self._thread.join(10)
        self._socket.close()

    def _serve(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            with connection:
                if self._stopped.is_set():
                    return
                connection.settimeout(30)
                self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        host = _head(connection).split()[1].partition(":")[0]
        self.asked.append(host)
        if host != HOST:
            connection.sendall(b"HTTP/1.1 403 Forbidden\r\n\r\n")
            return
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with self._context.wrap_socket(connection, server_side=True) as secure:
            head = _head(secure)
            # Read all of it: a connection closed before that is reset, and the answer is lost.
            length = int(re.search(r"content-length: (\d+)", head, re.I)[1])  # type: ignore[index]
            left = length - len(head.partition("\r\n\r\n")[2])
            while left > 0:
                left -= len(secure.recv(left))
            body = json.dumps({"access_token": "a narrowed token"})
            head = (
                f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
            )
            secure.sendall(f"{head}\r\nConnection: close\r\n\r\n{body}".encode())


def _head(connection: socket.socket) -> str:
    """A request line and its headers, with the part of the body that was received."""
    read = b""
    while b"\r\n\r\n" not in read:
        more = connection.recv(4096)
        if not more:
            break
        read += more
    return read.decode("latin-1")
