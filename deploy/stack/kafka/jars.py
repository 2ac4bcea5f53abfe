"""The broker's jars: resolved once by Maven, kept in a cache of this user."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from deploy.stack.exceptions import MissingToolError, StartError
from streaming.cache import cache_folder

POM = Path(__file__).with_name("pom.xml")
INSTALL = "apt-get update && apt-get install -y openjdk-17-jre-headless maven"
OLDEST_JAVA = 17
FETCH_TIMEOUT_S = 600


def java() -> str:
    """Path of a Java runtime of 17 or newer.

    Raises:
        MissingToolError: with the one line to type.
    """
    home = os.environ.get("JAVA_HOME", "")
    found = shutil.which("java", path=f"{home}/bin") if home else shutil.which("java")
    if found is None:
        raise MissingToolError(f"Java {OLDEST_JAVA} or newer is needed. Type: {INSTALL}")
    text = subprocess.run([found, "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(\d+)', text)
    if version is None or int(version[1]) < OLDEST_JAVA:
        raise MissingToolError(f"{found} is older than Java {OLDEST_JAVA}. Type: {INSTALL}")
    return found


def kafka_jars() -> Path:
    """The folder of the broker's jars; see :func:`jars_of`."""
    return jars_of(POM, "kafka", "Apache Kafka")


def jars_of(pom: Path, name: str, title: str) -> Path:
    """The folder of the jars that ``pom`` names; fetches them when it was not resolved before.

    Raises:
        MissingToolError: Maven is needed and not there.
        StartError: Maven could not fetch them.
    """
    digest = hashlib.sha256(pom.read_bytes()).hexdigest()[:12]
    folder = cache_folder() / f"{name}-{digest}"
    if folder.is_dir():
        return folder
    maven = shutil.which("mvn")
    if maven is None:
        raise MissingToolError(f"Maven is needed once, to fetch {title}. Type: {INSTALL}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f"{name}-fetch-") as temporary:
        shutil.copy(pom, Path(temporary, "pom.xml"))
        run = subprocess.run(
            [
                maven,
                "-q",
                "-B",
                "dependency:copy-dependencies",
                "-DincludeScope=runtime",
                f"-DoutputDirectory={temporary}/jars",
            ],
            cwd=temporary,
            capture_output=True,
            text=True,
            timeout=FETCH_TIMEOUT_S,
            check=False,
        )
        if run.returncode:
            raise StartError(f"Maven could not fetch {title}:\n{(run.stdout + run.stderr)[-2000:]}")
        try:
            # whole or not at all: another process may fetch at the same time
            Path(temporary, "jars").rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
    return folder
