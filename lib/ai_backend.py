"""The client of the AI backend: one request to it and its answer, within limits of time and size."""

import asyncio
import logging
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import httpx

from lib.content_encoding import decoded
from lib.errors import AiBackendFailed, AiBackendTimeout

CONNECT_TIMEOUT_S = 5
TIME_LIMIT_S = 280
MAX_ANSWER_BYTES = 4 * 1024 * 1024

# They log the whole URL of each request, and a query may hold a code or a token.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)


@dataclass(frozen=True)
class BackendRequest:
    """What is sent. `target` is the raw path with its query, and goes out exactly as it stands.

    The headers' values are characters of Latin-1, as WSGI gives them: each stands for a byte.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class BackendAnswer:
    """What came back, not encoded any more. The headers' names are in lower case, each byte of a value a character.

    Of a header that came twice, the last one is there.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_success(self) -> bool:
        """Whether the status is one of success."""
        return 200 <= self.status < 300


def ask(base_url: str, request: BackendRequest) -> BackendAnswer:
    """Send one request below `base_url`. A redirect is an answer like any other: it is not followed.

    Raises `AiBackendFailed` for a connection that is refused or breaks and for an answer that is too large, incomplete
    or without a status of HTTP, and `AiBackendTimeout`.
    """
    # Not asyncio.run: it waits for the thread that resolves the host's name, however long that hangs.
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(_within_time(base_url, request))
    except (TimeoutError, httpx.TimeoutException) as error:
        raise AiBackendTimeout(type(error).__name__) from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise AiBackendFailed(type(error).__name__) from error
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


async def _within_time(base_url: str, request: BackendRequest) -> BackendAnswer:
    async with asyncio.timeout(TIME_LIMIT_S):
        return await _exchange(base_url, request)


async def _exchange(base_url: str, request: BackendRequest) -> BackendAnswer:
    base = httpx.URL(base_url)
    # As a target of its own, since httpx normalises a URL's path. The host is the configured one, whatever the path is.
    target = base.raw_path.rstrip(b"/") + request.target.encode("ascii")
    client = httpx.AsyncClient(
        verify=_tls(),
        timeout=httpx.Timeout(None, connect=CONNECT_TIMEOUT_S),
        follow_redirects=False,
        trust_env=False,  # no proxy and no .netrc of the machine
    )
    streaming = client.stream(
        request.method,
        base,
        headers=[(name.encode("ascii"), value.encode("latin-1")) for name, value in request.headers.items()],
        content=request.body or None,
        extensions={"target": target},
    )
    async with client, streaming as response:
        if not 200 <= response.status_code <= 599:
            raise AiBackendFailed(f"the answer has the status {response.status_code}")
        encodings = response.headers.get_list("content-encoding", split_commas=True)
        body = decoded(await _limited_body(response), filter(None, encodings), MAX_ANSWER_BYTES)
        return BackendAnswer(response.status_code, _headers(response), body)


def _headers(response: httpx.Response) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers.raw}


async def _limited_body(response: httpx.Response) -> bytes:
    """The body as it came, encoded."""
    body = bytearray()
    async for part in response.aiter_raw():
        body += part
        if len(body) > MAX_ANSWER_BYTES:
            raise AiBackendFailed(f"the answer is larger than {MAX_ANSWER_BYTES} bytes")
    return bytes(body)


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    # Reading the certificates takes longer than all the rest of a call.
    return httpx.create_ssl_context(trust_env=False)
