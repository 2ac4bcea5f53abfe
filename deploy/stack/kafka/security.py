"""A SASL_SSL listener for the local broker: a self-made certificate and one user, for tests and trials."""

from __future__ import annotations

import secrets
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from deploy.stack.exceptions import MissingToolError

USER = "marquee"


@dataclass(frozen=True)
class Secured:
    """What broker and clients need for the secured listener."""

    port: int
    keystore: Path
    keystore_password: str
    ca: Path
    """PEM, for ``ssl.ca.location``."""
    user: str
    password: str

    def broker_options(self) -> dict[str, str]:
        """For the broker's properties."""
        login = "org.apache.kafka.common.security.plain.PlainLoginModule"
        return {
            "ssl.keystore.type": "PKCS12",
            "ssl.keystore.location": str(self.keystore),
            "ssl.keystore.password": self.keystore_password,
            "ssl.key.password": self.keystore_password,
            "sasl.enabled.mechanisms": "PLAIN",
            "listener.name.sasl_ssl.plain.sasl.jaas.config": (
                f'{login} required user_{self.user}="{self.password}";'
            ),
        }

    def client_options(self) -> dict[str, str]:
        """For librdkafka, as ``MARQUEE_KAFKA__...`` takes them."""
        return {
            "bootstrap.servers": f"127.0.0.1:{self.port}",
            "security.protocol": "SASL_SSL",
            "sasl.mechanisms": "PLAIN",
            "sasl.username": self.user,
            "sasl.password": self.password,
            "ssl.ca.location": str(self.ca),
        }


def make_secured(directory: Path, port: int) -> Secured:
    """Make key, self-signed certificate and password in ``directory``.

    Raises:
        MissingToolError: the Java runtime brings no ``keytool``.
    """
    keytool = shutil.which("keytool")
    if keytool is None:
        raise MissingToolError("keytool is needed for a SASL_SSL listener; it comes with the Java runtime")
    directory.mkdir(parents=True, exist_ok=True)
    keystore, ca = directory / "broker.p12", directory / "ca.pem"
    keystore.unlink(missing_ok=True)
    store_password, password = secrets.token_hex(16), secrets.token_hex(16)
    store = [
        "-keystore",
        str(keystore),
        "-storetype",
        "PKCS12",
        "-storepass",
        store_password,
        "-alias",
        "broker",
    ]
    subject = ["-dname", "CN=127.0.0.1", "-ext", "SAN=IP:127.0.0.1,DNS:localhost", "-ext", "BC=ca:true"]
    generate = [keytool, "-genkeypair", "-keyalg", "EC", "-groupname", "secp256r1", "-validity", "365"]
    subprocess.run([*generate, *subject, *store], check=True, capture_output=True)
    subprocess.run(
        [keytool, "-exportcert", "-rfc", "-file", str(ca), *store], check=True, capture_output=True
    )
    keystore.chmod(0o600)
    return Secured(port, keystore, store_password, ca, USER, password)
