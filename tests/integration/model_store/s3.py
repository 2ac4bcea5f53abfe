"""S3Proxy: a real S3 server (signatures, conditional writes) over a folder, from Maven's jars."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import httpx

from deploy.stack.exceptions import UnhealthyError
from deploy.stack.kafka.jars import jars_of, java
from deploy.stack.ports import LOOPBACK
from deploy.stack.process import ManagedProcess

POM = Path(__file__).with_name("pom.xml")
IDENTITY, SECRET, BUCKET = "marquee", "marquee-secret", "models"


class S3Server(ManagedProcess):
    """One S3Proxy on loopback with one bucket."""

    start_timeout_s = 60.0

    def __init__(self, directory: Path, port: int, *, stack_id: str = "") -> None:
        super().__init__("s3", directory, stack_id=stack_id)
        self.port = port

    @property
    def environment_of_clients(self) -> dict[str, str]:
        """What boto's libraries need to reach it."""
        return {
            "AWS_ACCESS_KEY_ID": IDENTITY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_ENDPOINT_URL_S3": f"http://{LOOPBACK}:{self.port}",
            "AWS_DEFAULT_REGION": "us-east-1",
            # S3Proxy 2.9 knows no checksums in trailers
            "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
            "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
        }

    def prepare(self) -> None:
        """Configuration and bucket."""
        (self.directory / "data" / BUCKET).mkdir(parents=True, exist_ok=True)
        lines = {
            "s3proxy.authorization": "aws-v2-or-v4",
            "s3proxy.identity": IDENTITY,
            "s3proxy.credential": SECRET,
            "s3proxy.endpoint": f"http://{LOOPBACK}:{self.port}",
            "jclouds.provider": "filesystem-nio2",
            "jclouds.filesystem.basedir": str(self.directory / "data"),
        }
        (self.directory / "s3.conf").write_text("".join(f"{k}={v}\n" for k, v in lines.items()))

    def health(self) -> str:
        """Any HTTP answer: without credentials it is a refusal."""
        super().health()
        try:
            return str(httpx.get(f"http://{LOOPBACK}:{self.port}/", timeout=3, trust_env=False).status_code)
        except httpx.HTTPError as error:
            raise UnhealthyError(f"S3Proxy does not answer: {error!r}") from None

    def command(self) -> Sequence[str]:
        """The JVM."""
        jars = jars_of(POM, "s3proxy", "S3Proxy")
        options = ["-Xmx256m", "-DLOG_LEVEL=warn", "-cp", f"{jars}/*"]
        return [java(), *options, "org.gaul.s3proxy.Main", "--properties", str(self.directory / "s3.conf")]
