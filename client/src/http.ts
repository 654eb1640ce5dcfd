/** How each request is sent: as one user, with a fresh token, again after a passing failure, with the version that it changes. */
import { stepOf, type Versions } from "./versions.js";

/** Gives the session token; with `skipCache` a newly issued one. Clerk's `useAuth().getToken` fits as it is. */
export type GetToken = (options?: { skipCache?: boolean }) => Promise<string | null>;

export interface Sending {
  getToken: GetToken;
  versions: Versions;
  /** Hears whose token a request gets. */
  signedIn?: (user: string) => void;
  fetch: (request: Request) => Promise<Response>;
  /** Waits so many milliseconds; rejects when the signal aborts. */
  pause: (milliseconds: number, signal: AbortSignal) => Promise<void>;
}

/** How often a request is sent at most, not counting the one with a fresh token. */
const ATTEMPTS = 4;
const PASSING = new Set([429, 503]);
/** Milliseconds that nobody waits at a page: who is asked for more gets the answer. */
const LONGEST_WAIT = 60_000;
/**
 * Whether to ask for these again is the person's decision: the AI backend generates, which costs money each time, and a
 * second reset would undo what was entered after the first.
 */
const ONCE = /\/(?:style-detection\/complete|step3\/[\w-]+|step4\/generate-[\w-]+|reset)$/;

/** What a path is about: `api-keys` in `/api/onboarding/api-keys/openai`. */
const RESOURCE = /\/api\/onboarding\/([\w-]+)/;

/** Sends a request as whoever is signed in, or as one user and nobody else. */
export type SendAs = (request: Request, user?: string) => Promise<Response>;

/**
 * Makes the `fetch` that openapi-fetch calls. A write that is sent twice is stored once: every write of the API is
 * idempotent, and a retry carries the request id of the first attempt. It is never sent as somebody who signed in since.
 */
export function sendWith(sending: Sending): SendAs {
  const send = async (request: Request, signed: (skipCache: boolean) => Promise<Request>): Promise<Response> => {
    const attempts = ONCE.test(new URL(request.url).pathname) ? 1 : ATTEMPTS;
    const once = async (skipCache: boolean): Promise<Response> => sending.fetch(await signed(skipCache));
    let mayRefresh = true;
    for (let attempt = 1; ; attempt += 1) {
      let wait = backoff(attempt);
      try {
        let response = await once(false);
        if (response.status === 401 && mayRefresh) {
          mayRefresh = false;
          response = await once(true);
        }
        wait = asked(response) ?? wait;
        if (!PASSING.has(response.status) || attempt >= attempts || wait > LONGEST_WAIT) return response;
      } catch (error) {
        if (attempt >= attempts || request.signal.aborted || error instanceof AnotherUserError) throw error;
      }
      await sending.pause(wait, request.signal);
    }
  };
  const turns = new Map<string, Promise<unknown>>();
  /** A write that names no version goes out after the one before it, whose retry would undo it otherwise. */
  const inTurn = (request: Request, work: () => Promise<Response>): Promise<Response> => {
    const { pathname } = new URL(request.url);
    if (request.method === "GET" || stepOf(request) || ONCE.test(pathname)) return work();
    const [, resource = ""] = RESOURCE.exec(pathname) ?? [];
    const turn = (turns.get(resource) ?? Promise.resolve()).then(work);
    turns.set(resource, turn.catch(() => undefined));
    return turn;
  };
  return (request, user) => {
    let whose = user;
    const signed = async (sent: Request, skipCache: boolean): Promise<Request> => {
      const token = await (skipCache ? sending.getToken({ skipCache }) : sending.getToken());
      const now = userOf(token);
      if (now) sending.signedIn?.(now);
      whose ??= now;
      if (now !== whose && now) throw new AnotherUserError();
      return withToken(sent, token);
    };
    if (!request.headers.has("X-Request-Id")) request.headers.set("X-Request-Id", newId());
    return inTurn(request, () => sending.versions.track(request, (one) => send(one, (skipCache) => signed(one, skipCache))));
  };
}

/** Somebody else has signed in since the request was made. */
class AnotherUserError extends Error {}

function withToken(request: Request, token: string | null): Request {
  const sent = request.clone(); // the body of the original is still there for the next attempt
  if (token) sent.headers.set("Authorization", `Bearer ${token}`);
  return sent;
}

/** The `sub` of a session token. */
export function userOf(token: string | null): string | undefined {
  try {
    const json = atob(token!.split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/"));
    return (JSON.parse(json) as { sub: string }).sub;
  } catch {
    return undefined; // no token, or none that can be read
  }
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
export function newId(): string {
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
