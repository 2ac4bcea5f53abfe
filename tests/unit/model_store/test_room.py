"""A full disk is told, leaves nothing behind, and hurts no package that is there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from model_store import list_built
from tests.unit.model_store.packages import put

LIMITED = """
import resource, signal, sys
from pathlib import Path
from model_store import NoRoomError
from tests.unit.model_store.packages import put
root, size, limit = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    put(root, "2", b"x" * size)
except NoRoomError as error:
    print("no room:", error)
else:
    print("written")
"""


def write(root: Path, size: int, limit: int) -> str:
    """What a process that may write files of at most ``limit`` bytes says of a package of ``size``."""
    run = [sys.executable, "-c", LIMITED, str(root), str(size), str(limit)]
    return subprocess.run(
        run, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3]
    ).stdout


def test_no_room_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    put(tmp_path, "1")
    assert "no room: no room for tiny@2" in write(tmp_path, 200_000, 100_000)
    assert [p.manifest.version for p in list_built(tmp_path)] == ["1"]
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"]
    # the limit was what stopped it
    assert "written" in write(tmp_path, 200_000, 300_000)
    assert [p.manifest.version for p in list_built(tmp_path)] == ["1", "2"]
