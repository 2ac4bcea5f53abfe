"""The TorchServe handler of text encoders: texts in, sentence vectors out."""

from __future__ import annotations

from handlers.handler import EncoderHandler
from handlers.texts import TextEncoder


class TextEncoderHandler(EncoderHandler):
    """Serves :class:`handlers.texts.TextEncoder`."""

    encoder = TextEncoder
