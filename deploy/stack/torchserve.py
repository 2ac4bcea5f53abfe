"""Starts TorchServe on loopback, with a configuration of ours (DESIGN section 6).

The JVM is started directly rather than by ``torchserve``: its launcher keeps the pid in a shared
temporary file, and survives neither SIGTERM nor a second instance.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import site
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx
import ts

from deploy.stack.asking import http
from deploy.stack.exceptions import UnhealthyError
from deploy.stack.kafka.jars import java
from deploy.stack.ports import LOOPBACK
from deploy.stack.process import ManagedProcess
from handlers.trust import MODELS_VARIABLE

LONGEST_TMP = 80
MAX_BODY = 512 * 2**20
"""Bytes of a request: 64 items with posters of up to 5 MB, in Base64 at worst."""

LEAN = (
    # what compiling thoroughly gains later, it takes from the model's cores in the minutes after a start
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
    # with fewer it starts a thread for each batch that it hands a worker
    "-Djava.util.concurrent.ForkJoinPool.common.parallelism=2",
)
"""The JVM shares the cores with the models that it hands requests to."""

WORKER = """\
#!/bin/sh
exec {python} -P -m handlers.worker "$@"
"""
"""What TorchServe takes for Python; its workers come through ours."""

LOG4J = """\
<?xml version="1.0" encoding="UTF-8"?>
<Configuration status="error">
  <Appenders>
    <Console name="out" target="SYSTEM_OUT"><PatternLayout pattern="%d{ISO8601} %p %c{1} %m%n"/></Console>
  </Appenders>
  <Loggers>
    <Logger name="MODEL_LOG" level="warn"/>
    <Logger name="ACCESS_LOG" level="off"/>
    <Logger name="TS_METRICS" level="off"/>
    <Logger name="MODEL_METRICS" level="off"/>
    <Logger name="org.pytorch.serve" level="warn"/>
    <Root level="warn"><AppenderRef ref="out"/></Root>
  </Loggers>
</Configuration>
"""


class TorchServe(ManagedProcess):
    """One TorchServe.

    Args:
        models: folder of built packages; the only place that archives are loaded from.
        inference_port, management_port, metrics_port: on loopback.
    """

    stop_timeout_s = 15.0
    start_timeout_s = 60.0

    def __init__(
        self,
        directory: Path,
        models: Path,
        inference_port: int,
        management_port: int,
        metrics_port: int,
        *,
        name: str = "torchserve",
        log_dir: Path | None = None,
        stack_id: str = "",
    ) -> None:
        super().__init__(name, directory, log_dir=log_dir, stack_id=stack_id)
        self.models = models.absolute()
        self.inference_port = inference_port
        self.management_port = management_port
        self.metrics_port = metrics_port

    @property
    def temporary(self) -> Path:
        """Where workers' sockets lie; a socket's path holds at most 108 bytes."""
        own = self.directory / "tmp"
        if len(os.fsencode(own)) <= LONGEST_TMP:
            return own
        digest = hashlib.sha256(os.fsencode(own)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"marquee-{os.getuid()}-{digest}"

    @property
    def _python(self) -> Path:
        return self.directory / "worker.sh"

    @property
    def inference_url(self) -> str:
        """Where predictions are asked."""
        return f"http://{LOOPBACK}:{self.inference_port}"

    @property
    def metrics_url(self) -> str:
        """Where Prometheus reads."""
        return f"http://{LOOPBACK}:{self.metrics_port}/metrics"

    @property
    def management_url(self) -> str:
        """Where versions are registered."""
        return f"http://{LOOPBACK}:{self.management_port}"

    def properties(self) -> dict[str, str]:
        """What ``config.properties`` says."""
        return {
            "inference_address": self.inference_url,
            "management_address": self.management_url,
            "metrics_address": f"http://{LOOPBACK}:{self.metrics_port}",
            # it cannot be switched off: any free port, on loopback, so that two instances do not collide
            "grpc_inference_address": LOOPBACK,
            "grpc_management_address": LOOPBACK,
            "grpc_inference_port": "0",
            "grpc_management_port": "0",
            "model_store": str(self.directory / "store"),
            "allowed_urls": f"file://{self.models}/.*",
            "install_py_dep_per_model": "false",
            "enable_envvars_config": "false",
            "metrics_mode": "prometheus",
            # what workers count appears without being listed in a file of its own
            "model_metrics_auto_detect": "true",
            "disable_token_authorization": "true",
            "enable_model_api": "true",
            "number_of_netty_threads": "4",
            "netty_client_threads": "2",
            "default_workers_per_model": "1",
            "max_request_size": str(MAX_BODY),
            "max_response_size": str(MAX_BODY),
            "prefer_direct_buffer": "false",
            "disable_system_metrics": "true",
        }

    def prepare(self) -> None:
        """Write configuration; the temporary directory is emptied, since it names dead workers' sockets."""
        shutil.rmtree(self.temporary, ignore_errors=True)
        # it refuses to register an archive that it copied there before it was killed
        shutil.rmtree(self.directory / "store", ignore_errors=True)
        for folder in (self.directory / "store", self.temporary, self.models):
            folder.mkdir(parents=True, exist_ok=True)
        lines = "".join(f"{name}={value}\n" for name, value in self.properties().items())
        (self.directory / "config.properties").write_text(lines)
        (self.directory / "log4j2.xml").write_text(LOG4J)
        self._python.write_text(WORKER.format(python=shlex.quote(sys.executable)))
        self._python.chmod(0o700)

    def command(self) -> Sequence[str]:
        """The JVM itself."""
        package = Path(ts.__file__).parent
        return [
            java(),
            f"-Dmodel_server_home={package.parent}",
            f"-Dlog4j.configurationFile=file://{self.directory}/log4j2.xml",
            f"-Djava.io.tmpdir={self.temporary}",
            "-Xms64m",
            "-Xmx1g",
            *LEAN,
            "-cp",
            f"{package}/frontend/*",
            "org.pytorch.serve.ModelServer",
            "--python",
            str(self._python),
            "-f",
            str(self.directory / "config.properties"),
            "-s",
            str(self.directory / "store"),
            "-ncs",
            "--disable-token-auth",
            "--enable-model-api",
        ]

    def environment(self) -> Mapping[str, str]:
        """For the workers: this environment's packages and ours, one thread each, a temporary folder."""
        ours = str(Path(__file__).parents[2])
        path = os.pathsep.join([ours, *site.getsitepackages(), os.environ.get("PYTHONPATH", "")]).rstrip(
            os.pathsep
        )
        return {
            "PYTHONPATH": path,
            "TMPDIR": str(self.temporary),
            "TEMP": str(self.temporary),
            "OMP_NUM_THREADS": "1",
            "MKL_NUM_THREADS": "1",
            "TOKENIZERS_PARALLELISM": "false",
            # workers check what they load against the signed manifests there
            MODELS_VARIABLE: str(self.models),
            "LOG_LOCATION": str(self.directory / "logs"),
            "METRICS_LOCATION": str(self.directory / "logs"),
        }

    def stop(self, timeout_s: float | None = None) -> None:
        """As every service; the temporary folder goes too."""
        super().stop(timeout_s)
        shutil.rmtree(self.temporary, ignore_errors=True)

    def health(self) -> str:
        """``/ping``, and the list of models with their workers: those that have none READY are named."""
        super().health()
        try:
            http().get(f"{self.inference_url}/ping").raise_for_status()
            names = http().get(f"{self.management_url}/models?limit=100").raise_for_status().json()["models"]
            waiting, versions = [], 0
            for name in {model["modelName"] for model in names}:
                url = f"{self.management_url}/models/{name}/all"
                for version in http().get(url).raise_for_status().json():
                    versions += 1
                    if not any(worker["status"] == "READY" for worker in version["workers"]):
                        waiting.append(f"{name} {version['modelVersion']}")
        except (httpx.HTTPError, ValueError, KeyError) as error:
            raise UnhealthyError(f"TorchServe does not answer: {error!r}") from None
        if waiting:
            raise UnhealthyError(f"no worker is ready for {', '.join(waiting)}")
        return f"{versions} model versions"
