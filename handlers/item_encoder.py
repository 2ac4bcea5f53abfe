"""The TorchServe handler of item encoders: films in, vectors in the space out."""

from __future__ import annotations

from handlers.encoding import ItemEncoder
from handlers.handler import EncoderHandler


class ItemEncoderHandler(EncoderHandler):
    """Serves :class:`handlers.encoding.ItemEncoder`."""

    encoder = ItemEncoder
