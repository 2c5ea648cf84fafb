"""A real MQTT broker, Mosquitto, on ports of its own, and certificates made for one test."""

from __future__ import annotations

import atexit
import datetime
import ipaddress
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from itertools import takewhile
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.processes import free_port

STARTS_S = 10.0
USER, PASSWORD = "ada", "swordfish & chips"
"""The user whom a broker with `users=True` knows."""


def program(name: str) -> str | None:
    """Return the path of a program, also where Debian keeps daemons."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")


class Broker:
    """One Mosquitto that can be killed and started again."""

    def __init__(
        self, folder: Path, *, tls: bool = False, users: bool = False, topics: str = "", host: str = "127.0.0.1"
    ) -> None:
        """Start it. topics: lines of an access list. host: the address that it listens on."""
        if (mosquitto := program("mosquitto")) is None:
            pytest.skip("mosquitto not found (Debian: mosquitto)")
        self.port = free_port(tcp=True)
        self.folder = folder
        lines = [f"listener {self.port} {host}", "persistence false", "log_dest none", "set_tcp_nodelay true"]
        if users:
            tool = program("mosquitto_passwd")
            assert tool is not None
            subprocess.run([tool, "-b", "-c", folder / "users", USER, PASSWORD], check=True)
            (folder / "users").chmod(0o644)
            lines += [f"password_file {folder / 'users'}"]
        lines += [f"allow_anonymous {'false' if users else 'true'}"]
        if topics:
            (folder / "topics").write_text(topics)
            lines += [f"acl_file {folder / 'topics'}"]
        if tls:
            make_certificates(folder)
            lines += [f"certfile {folder / 'broker.crt'}", f"keyfile {folder / 'broker.key'}"]
        if not os.geteuid():  # started by root, Mosquitto reads as another user
            for way in takewhile(lambda way: way != Path(tempfile.gettempdir()), (folder, *folder.parents)):
                way.chmod(way.stat().st_mode | 0o055)
        configuration = folder / "mosquitto.conf"
        configuration.write_text("\n".join([*lines, ""]))
        self._command = [mosquitto, "-c", str(configuration)]
        self._process: subprocess.Popen[bytes] | None = None
        atexit.register(self.kill)  # where a test fails before it does that
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline_s = time.monotonic() + STARTS_S
        while True:
            with socket.socket() as probe:
                if not probe.connect_ex(("127.0.0.1", self.port)):
                    return
            if self._process.poll() is not None or time.monotonic() > deadline_s:
                raise RuntimeError(f"mosquitto does not start: {self._process.returncode}")
            time.sleep(0.02)

    @property
    def process_id(self) -> int:
        """Return the number of its process."""
        assert self._process is not None
        return self._process.pid

    def freeze(self) -> None:
        """Stop it, as if its machine stood still."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it without a word."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def make_certificates(folder: Path) -> None:
    """Write ca.crt, an authority, and broker.crt with broker.key, which it signed for 127.0.0.1 and localhost."""
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "an authority of a test")])
    now = datetime.datetime.now(datetime.UTC)

    def certificate(name: x509.Name, key: ec.EllipticCurvePrivateKey, *extensions: x509.ExtensionType) -> bytes:
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(authority)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(hours=1))
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
        return builder.sign(authority_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    key = ec.generate_private_key(ec.SECP256R1())
    broker = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    places = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    own = x509.BasicConstraints(ca=True, path_length=0)
    (folder / "ca.crt").write_bytes(certificate(authority, authority_key, own))
    (folder / "broker.crt").write_bytes(certificate(broker, key, x509.SubjectAlternativeName(places)))
    (folder / "broker.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    (folder / "broker.key").chmod(0o644)
