"""The TorchServe handler of poster encoders: posters in, vectors of what they look like out."""

from __future__ import annotations

from handlers.handler import EncoderHandler
from handlers.posters import PosterEncoder


class PosterEncoderHandler(EncoderHandler):
    """Serves :class:`handlers.posters.PosterEncoder`."""

    encoder = PosterEncoder
