"""Which model a package holds, told by the fields of its ``config.json``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from handlers.config import CONFIG_FILE
from handlers.exceptions import PackageFileError

Kind = Literal["item-encoder", "text-encoder", "poster-encoder"]


def kind_of(folder: Path) -> Kind:
    """What the package in ``folder`` is, whatever its name.

    Raises:
        PackageFileError: its configuration is missing, torn, or of no model that is served.
    """
    try:
        found = msgspec.json.decode((folder / CONFIG_FILE).read_bytes(), type=dict[str, msgspec.Raw])
    except (OSError, msgspec.MsgspecError) as error:
        raise PackageFileError(f"{CONFIG_FILE} cannot be read: {error}") from None
    if "text_model" in found and "features" in found:
        return "item-encoder"
    if "text_model" in found:
        return "text-encoder"
    if "model" in found:
        return "poster-encoder"
    raise PackageFileError(f"{CONFIG_FILE} describes no item, text or poster encoder")
