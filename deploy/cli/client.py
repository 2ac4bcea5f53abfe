"""The gateway as commands see it: HTTP with the API key, its problem documents as our errors."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from streaming.exceptions import (
    ConfigurationError,
    ConflictError,
    MarqueeError,
    NotFoundError,
    UnavailableError,
)
from streaming.settings import Settings

TIMEOUT_S = 30.0


class RefusedError(MarqueeError):
    """The gateway refuses what it was given; sending the same again gives the same answer."""

    exit_code = 2


class GatewayClient:
    """One connection to the gateway of ``settings``. Bodies and answers are JSON.

    Every method raises UnavailableError where the gateway does not answer or cannot now, NotFoundError
    for what does not exist, RefusedError for bad input, ConfigurationError for a wrong API key.
    """

    def __init__(self, settings: Settings) -> None:
        key = settings.gateway.api_key.get_secret_value()
        self.url = settings.gateway.url.rstrip("/")
        self._http = httpx.Client(
            base_url=self.url,
            headers={"x-api-key": key} if key else {},
            timeout=TIMEOUT_S,
            # the gateway is named by a setting; a proxy in the environment is meant for other hosts
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    # users -------------------------------------------------------------------------------------------

    def recommendations(self, user_id: str, **options: object) -> Any:
        """What the user should see next; ``options`` are the query's parameters, None left out."""
        return self._call("GET", f"/v1/users/{_id(user_id)}/recommendations", params=_given(options))

    def user(self, user_id: str, **options: object) -> Any:
        """All ratings of a user, newest first; with ``limit`` the newest so many."""
        return self._call("GET", f"/v1/users/{_id(user_id)}", params=_given(options))

    def delete_user(self, user_id: str) -> Any:
        """Erase the user."""
        return self._call("DELETE", f"/v1/users/{_id(user_id)}")

    def rate(self, user_id: str, item_id: str, value: float | None, event_time: str | None = None) -> Any:
        """Send a rating; ``value`` None takes it back."""
        body = {"user_id": user_id, "item_id": item_id, "value": value}
        return self._call("POST", "/v1/ratings", json=body | _given({"event_time": event_time}))

    def rate_all(self, ratings: list[dict[str, Any]]) -> Any:
        """Send up to 1,000 ratings at once."""
        return self._call("POST", "/v1/ratings", json=ratings)

    # films -------------------------------------------------------------------------------------------

    def item(self, item_id: str) -> Any:
        """One film."""
        return self._call("GET", f"/v1/items/{_id(item_id)}")

    def put_item(self, item_id: str, item: dict[str, Any]) -> Any:
        """Put a film as it is to be from now on."""
        return self._call("PUT", f"/v1/items/{_id(item_id)}", json=item)

    def put_poster(self, item_id: str, content: bytes) -> Any:
        """Put a film's poster."""
        kind = {"content-type": "application/octet-stream"}
        return self._call("PUT", f"/v1/items/{_id(item_id)}/poster", content=content, headers=kind)

    def delete_item(self, item_id: str) -> Any:
        """Remove a film."""
        return self._call("DELETE", f"/v1/items/{_id(item_id)}")

    def similar(self, item_id: str, **options: object) -> Any:
        """Films like this one."""
        return self._call("GET", f"/v1/items/{_id(item_id)}/similar", params=_given(options))

    def genres(self) -> Any:
        """Every genre, and how many films have it."""
        return self._call("GET", "/v1/genres")

    def search(self, text: str, poster: bytes | None = None, **options: object) -> Any:
        """Films like a text, a poster, or both."""
        fields = _given({"text": text, **options})
        if poster is None:
            return self._call("POST", "/v1/search", json=fields)
        form = {name: str(value) for name, value in fields.items()}
        return self._call("POST", "/v1/search", data=form, files={"poster": ("poster", poster)})

    def _call(self, method: str, path: str, **request: Any) -> Any:
        try:
            response = self._http.request(method, path, **request)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            raise UnavailableError(
                f"no gateway at {self.url}: is the stack up? `marquee stack up` starts it"
            ) from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise UnavailableError(f"the gateway at {self.url} does not answer: {error}") from None
        if response.is_success:
            return response.json() if response.content else None
        raise _error(response)


def _id(value: str) -> str:
    """An id as one segment of a path."""
    return quote(value, safe="")


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _error(response: httpx.Response) -> MarqueeError:
    """The error that a problem document (RFC 9457) means."""
    try:
        problem = response.json()
        title, detail = str(problem.get("title", "")), str(problem.get("detail", ""))
    except (ValueError, AttributeError):
        title, detail = "", response.text[:200]
    sentence = detail or title or f"HTTP {response.status_code}"
    status = response.status_code
    if status in (401, 403) and "x-api-key" not in response.request.headers:
        return ConfigurationError(
            "the gateway wants an API key, and none is known here: run where the stack was started "
            "(MARQUEE_HOME), or set MARQUEE_GATEWAY__API_KEY"
        )
    if status in (401, 403):
        return ConfigurationError(
            f"the gateway refuses the API key ({sentence}): set MARQUEE_GATEWAY__API_KEY, or run where the "
            "stack was started"
        )
    if status == 404:
        return NotFoundError(sentence)
    if status == 409:
        return ConflictError(sentence)
    if status == 429 or status >= 500:
        return UnavailableError(f"the gateway cannot answer now: {sentence}")
    return RefusedError(f"refused: {sentence}")
