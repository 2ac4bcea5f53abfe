"""Getting a space's re-ranker out of its package, behind the lookups' backs."""

from __future__ import annotations

import threading
import time

from streaming.control.documents import SpaceDocument
from streaming.exceptions import UnavailableError
from streaming.gateway.catalogue import Catalogue
from streaming.gateway.popular import PopularCounts
from streaming.gateway.rerank import SpaceReranker, misfit
from streaming.gateway.rerank_files import Vouch, load_reranker
from streaming.gateway.rerank_model import RerankerRefusedError
from streaming.observability.logging import get_logger
from streaming.observability.metrics import counter, gauge
from streaming.settings import Settings

AGAIN_S = 60.0
"""When to look again for a package that could not be read."""
SETTLE_S = 5.0
"""How long a change of the route waits for the first look, should the model store hang."""

_loaded = gauge("gateway_reranker_loaded", "Whether a space's lookups are re-ranked", ("space",))
_failures = counter(
    "gateway_reranker_failures",
    "Re-rankers that could not be had (unavailable, refused)",
    ("space", "reason"),
)
_log = get_logger("gateway.rerank")


class RerankerSlot:
    """A place for one space's re-ranker, filled by a thread of its own; empty means the plain order.

    Args:
        vouch: who may be believed.
        wanted: false where re-ranking is switched off: then nothing is ever looked for.
    """

    def __init__(
        self,
        settings: Settings,
        space: SpaceDocument,
        catalogue: Catalogue,
        popular: PopularCounts,
        vouch: Vouch,
        wanted: bool = True,
    ) -> None:
        self._settings, self._space, self._vouch = settings, space, vouch
        self._catalogue, self._popular = catalogue, popular
        self._stopped, self._looked = threading.Event(), threading.Event()
        self._until = time.monotonic() + SETTLE_S
        self._current: SpaceReranker | None = None
        self._told = ""
        _loaded.labels(space.space).set(0)
        if wanted:
            threading.Thread(target=self._run, name=f"reranker-{space.space}", daemon=True).start()
        else:
            self._looked.set()

    @property
    def settled(self) -> bool:
        """Whether the package was looked at, or has let itself be waited for long enough."""
        return self._looked.is_set() or time.monotonic() > self._until

    def current(self) -> SpaceReranker | None:
        """The re-ranker; take it once for each answer."""
        return self._current

    def stop(self) -> None:
        """Look no more; what was loaded goes with its owner."""
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.is_set():
            again = self._look()
            self._looked.set()
            if not again:
                return
            self._stopped.wait(AGAIN_S)

    def _look(self) -> bool:
        """Load it; whether to look again later."""
        space = self._space
        try:
            model = load_reranker(self._settings, space.package, space.version, self._vouch)
        except UnavailableError as error:
            self._fail("unavailable", str(error))
            return True
        except RerankerRefusedError as error:
            self._fail("refused", str(error))
            return False
        if model is None:
            _log.info("the package has no re-ranker", space=space.space)
            return False
        if why := misfit(model, space.policy):
            self._fail("refused", why)
            return False
        self._current = SpaceReranker(model, self._catalogue, self._popular, space.policy.like_threshold)
        _loaded.labels(space.space).set(1)
        _log.info("lookups are re-ranked", space=space.space, notes=model.notes)
        return False

    def _fail(self, reason: str, error: str) -> None:
        _failures.labels(self._space.space, reason).inc()
        if error != self._told:
            self._told = error
            _log.warning(
                "lookups are not re-ranked: the plain order serves", space=self._space.space, error=error
            )
