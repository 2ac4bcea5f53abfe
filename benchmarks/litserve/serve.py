"""A package served by LitServe: ``serve.py FOLDER PORT BATCH DELAY_MS WORKERS``; ends with SIGTERM.

The same handler, engine and libraries as under TorchServe: LitServe and what it needs come from its own
environment, everything else from that of whoever calls (``MARQUEE_BENCH_PATH``, looked at last). Requests and
answers are MessagePack in both. What LitServe offers for speed is on: its fast queue.
"""

# annotations are read by LitServe at run time, so they must be no strings
import os
import sys
from typing import Annotated

sys.path += os.environ["MARQUEE_BENCH_PATH"].split(os.pathsep)

import litserve  # type: ignore[import-not-found]
from fastapi import Body, Response

from benchmarks._context import KIND, Context


class Encoder(litserve.LitAPI):  # type: ignore[misc]
    """The item encoder's handler, one in each worker."""

    folder = ""

    def setup(self, device: str) -> None:
        from handlers.item_encoder import ItemEncoderHandler

        self.handler = ItemEncoderHandler()
        self.handler.initialize(Context(system_properties={"model_dir": self.folder}))

    def decode_request(self, request: Annotated[bytes, Body(media_type=KIND)]) -> bytes:
        return request

    def batch(self, inputs: list[bytes]) -> list[bytes]:
        return inputs

    def predict(self, bodies: bytes | list[bytes]) -> bytes | list[bytes]:
        many = bodies if isinstance(bodies, list) else [bodies]
        answers = self.handler.handle([{"body": body} for body in many], Context())
        return answers if isinstance(bodies, list) else answers[0]

    def unbatch(self, output: list[bytes]) -> list[bytes]:
        return output

    def encode_response(self, output: bytes) -> Response:
        return Response(output, media_type=KIND)


def main() -> None:
    """Serve until told to end."""
    folder, port, batch, delay_ms, workers = sys.argv[1], *map(int, sys.argv[2:])
    encoder = Encoder(max_batch_size=batch, batch_timeout=delay_ms / 1e3)
    encoder.folder = folder
    server = litserve.LitServer(encoder, accelerator="cpu", workers_per_device=workers, fast_queue=True)
    server.run(host="127.0.0.1", port=port, generate_client_file=False, log_level="error", access_log=False)


if __name__ == "__main__":
    main()
