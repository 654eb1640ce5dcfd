/** How each request is sent: with a fresh token, again after a passing failure, and with the version that it changes. */
import type { Versions } from "./versions.js";

/** Gives the session token; with `skipCache` a newly issued one. Clerk's `useAuth().getToken` fits as it is. */
export type GetToken = (options?: { skipCache?: boolean }) => Promise<string | null>;

export interface Sending {
  getToken: GetToken;
  versions: Versions;
  fetch: (request: Request) => Promise<Response>;
  /** Waits so many milliseconds; rejects when the signal aborts. */
  pause: (milliseconds: number, signal: AbortSignal) => Promise<void>;
}

/** How often a request is sent at most, not counting the one with a fresh token. */
const ATTEMPTS = 4;
const PASSING = new Set([429, 503]);
/** The AI backend generates these, which costs money each time: whether to ask again is the person's decision. */
const GENERATES = /\/(?:style-detection\/complete|step3\/[\w-]+|step4\/generate-[\w-]+)$/;

/**
 * Makes the `fetch` that openapi-fetch calls. A write that is sent twice is stored once: every write of the API is
 * idempotent, and a retry carries the request id of the first attempt. What generates is sent once.
 */
export function sendWith(sending: Sending): (request: Request) => Promise<Response> {
  const send = async (request: Request): Promise<Response> => {
    const attempts = GENERATES.test(new URL(request.url).pathname) ? 1 : ATTEMPTS;
    const once = async (skipCache: boolean): Promise<Response> => sending.fetch(await signed(request, sending.getToken, skipCache));
    let mayRefresh = true;
    for (let attempt = 1; ; attempt += 1) {
      let wait = backoff(attempt);
      try {
        let response = await once(false);
        if (response.status === 401 && mayRefresh) {
          mayRefresh = false;
          response = await once(true);
        }
        if (!PASSING.has(response.status) || attempt >= attempts) return response;
        wait = asked(response) ?? wait;
      } catch (error) {
        if (attempt >= attempts || request.signal.aborted) throw error;
      }
      await sending.pause(wait, request.signal);
    }
  };
  return (request) => {
    if (!request.headers.has("X-Request-Id")) request.headers.set("X-Request-Id", newId());
    return sending.versions.track(request, send);
  };
}

async function signed(request: Request, getToken: GetToken, skipCache: boolean): Promise<Request> {
  const token = await (skipCache ? getToken({ skipCache }) : getToken());
  const sent = request.clone(); // the body of the original is still there for the next attempt
  if (token) sent.headers.set("Authorization", `Bearer ${token}`);
  return sent;
}

/** Half a second, then twice as long each time, with jitter so that many tabs do not come back at once. */
function backoff(attempt: number): number {
  return 500 * 2 ** (attempt - 1) * (0.5 + Math.random());
}

function asked(response: Response): number | undefined {
  const seconds = Number(response.headers.get("Retry-After"));
  return seconds > 0 ? seconds * 1000 * (1 + Math.random() / 4) : undefined;
}

/** `randomUUID` is missing where a page is served without TLS from another machine. */
function newId(): string {
  return crypto.randomUUID?.() ?? Math.random().toString(36).slice(2);
}

/** `Sending.pause` of the real world. */
export function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
}
