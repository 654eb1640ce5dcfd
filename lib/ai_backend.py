"""The client of the AI backend: one request to it and its answer, within limits of time and size."""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import httpx

from lib.errors import AiBackendFailed, AiBackendTimeout

CONNECT_TIMEOUT_S = 5
TIME_LIMIT_S = 280
MAX_ANSWER_BYTES = 4 * 1024 * 1024

_DECODED = ("identity", "gzip", "deflate")  # what httpx undoes by itself


@dataclass(frozen=True)
class BackendRequest:
    """What is sent. `target` is the raw path with its query, as the caller sent them."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class BackendAnswer:
    """What came back, not encoded any more; the headers' names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_success(self) -> bool:
        """Whether the status is one of success."""
        return 200 <= self.status < 300


def ask(base_url: str, request: BackendRequest) -> BackendAnswer:
    """Send one request below `base_url`. A redirect is an answer like any other: it is not followed.

    Raises `AiBackendFailed` for a connection that is refused or breaks and for an answer that is too large, and
    `AiBackendTimeout`.
    """
    try:
        return asyncio.run(_within_time(base_url, request))
    except (TimeoutError, httpx.TimeoutException) as error:
        raise AiBackendTimeout(type(error).__name__) from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise AiBackendFailed(type(error).__name__) from error


async def _within_time(base_url: str, request: BackendRequest) -> BackendAnswer:
    async with asyncio.timeout(TIME_LIMIT_S):
        return await _exchange(base_url, request)


async def _exchange(base_url: str, request: BackendRequest) -> BackendAnswer:
    base = httpx.URL(base_url)
    # The host is the configured one, whatever the path looks like.
    url = base.copy_with(raw_path=base.raw_path.rstrip(b"/") + request.target.encode("ascii"))
    client = httpx.AsyncClient(
        verify=_tls(),
        timeout=httpx.Timeout(None, connect=CONNECT_TIMEOUT_S),
        follow_redirects=False,
        trust_env=False,  # no proxy and no .netrc of the machine
    )
    async with (
        client,
        client.stream(request.method, url, headers=dict(request.headers), content=request.body or None) as response,
    ):
        return BackendAnswer(response.status_code, response.headers, await _limited_body(response))


async def _limited_body(response: httpx.Response) -> bytes:
    encoding = response.headers.get("content-encoding", "identity")
    if encoding not in _DECODED:
        raise AiBackendFailed(f"the answer is encoded as {encoding}, which was not asked for")
    body = bytearray()
    async for part in response.aiter_bytes():
        body += part
        if len(body) > MAX_ANSWER_BYTES:
            raise AiBackendFailed(f"the answer is larger than {MAX_ANSWER_BYTES} bytes")
    return bytes(body)


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    # Reading the certificates takes longer than all the rest of a call.
    return httpx.create_ssl_context(trust_env=False)
