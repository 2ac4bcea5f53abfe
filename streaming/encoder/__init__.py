"""The seam to the item encoder in TorchServe: its client and its management."""

from streaming.encoder.client import ITEM_ENCODER, EncoderClient
from streaming.encoder.exceptions import EncoderRefusedError, EncoderUnavailableError, ModelNotFoundError
from streaming.encoder.management import EncoderManagement, register_version, unregister_version
from streaming.encoder.wire import Encoded

__all__ = [
    "ITEM_ENCODER",
    "Encoded",
    "EncoderClient",
    "EncoderManagement",
    "EncoderRefusedError",
    "EncoderUnavailableError",
    "ModelNotFoundError",
    "register_version",
    "unregister_version",
]
