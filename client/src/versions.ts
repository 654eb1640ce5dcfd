/** Which version of each step this page has seen: a write says it in `If-Match`, so that it never overwrites another. */

export type Data = Record<string, unknown>;

/** The part of a step that a conflict is about. */
export interface StepNow {
  status: string;
  data: Data | null;
  draft: { data: Data; saved_at: string | null } | null;
}

type Action = "complete" | "skip" | "draft";
type Send = (request: Request) => Promise<Response>;

const STEP = /\/api\/onboarding\/step\/(\d+)(?:\/(complete|skip|draft))?$/;
/** Requests that change steps without naming one. */
const CHANGES_STEPS = /\/(?:api-keys|business-info|reset|step[34]|style-detection)(?:\/|$)/;

/** The step that a request is about, and what it does to it. */
export function stepOf(request: Request): { step: number; action: Action | undefined } | undefined {
  const [found, step, action] = STEP.exec(new URL(request.url).pathname) ?? [];
  return found ? { step: Number(step), action: action as Action | undefined } : undefined;
}

export class Versions {
  #known = new Map<number, string>();

  /** Sends a request with the version that is known of its step, and notes the version of the answer. */
  async track(request: Request, send: Send): Promise<Response> {
    const target = stepOf(request);
    if (!target) return this.#sendOther(request, send);
    const { step, action } = target;
    const known = this.#known; // another one once these versions hold no more, so that a late answer is not noted
    const before = known.get(step);
    if (request.method !== "GET" && !request.headers.has("If-Match")) {
      const read = before ? undefined : await send(new Request(request.url.replace(STEP, "/api/onboarding/step/$1"), { signal: request.signal }));
      if (read && !read.ok) return read; // rather than write over what nobody has seen
      const version = before ?? read?.headers.get("ETag");
      if (version) request.headers.set("If-Match", version);
    }
    let response = await send(request);
    if (response.status === 412 && action) {
      const version = await versionThatHolds(request, action, response);
      if (version !== undefined) {
        request.headers.set("If-Match", `"${version}"`);
        response = await send(request);
      }
    }
    const version = response.headers.get("ETag");
    const now = known.get(step);
    const isLate = request.method === "GET" && now !== before && numberOf(version) < numberOf(now); // a write was answered meanwhile
    if (response.ok && version && !isLate) known.set(step, version);
    return response;
  }

  /** The version of a step that this page has seen, as its ETag. */
  seen(step: number): string | undefined {
    return this.#known.get(step);
  }

  /** Takes note of a version that was seen elsewhere, such as the one that a conflict names. */
  see(step: number, version: number): void {
    this.#known.set(step, `"${version}"`);
  }

  /** Drops every version: somebody else is signed in, or any step may have changed. */
  forget(): void {
    this.#known = new Map();
  }

  async #sendOther(request: Request, send: Send): Promise<Response> {
    const response = await send(request);
    // The answer does not say which steps have a new version now; the next write reads it.
    if (response.ok && request.method !== "GET" && CHANGES_STEPS.test(new URL(request.url).pathname)) this.forget();
    return response;
  }
}

/** The number in an ETag. */
const numberOf = (version: string | null | undefined): number => Number(version?.replaceAll('"', ""));

/**
 * The version that a 412 names, if what is stored is what the request writes: its own first attempt was stored and the
 * answer was lost, or another tab sent the same. Writing it once more over that version changes nothing and gets the
 * answer.
 */
async function versionThatHolds(request: Request, action: Action, response: Response): Promise<number | undefined> {
  const problem = (await response.clone().json().catch(() => ({}))) as { current?: StepNow; current_version?: number };
  const text = await request.clone().text();
  const data = text ? (JSON.parse(text) as { data?: Data }).data : undefined;
  const { current } = problem;
  return current && isStored(action, request.method === "DELETE" ? null : data, current) ? problem.current_version : undefined;
}

function isStored(action: Action, data: Data | null | undefined, current: StepNow): boolean {
  if (action === "skip") return current.status === "skipped";
  if (action === "draft") return data ? isSame(current.draft?.data, data) : !current.draft;
  return current.status === "completed" && !current.draft && holds(current.data, data ?? {});
}

/** Whether two JSON values are equal, whatever the order of their names. */
export function isSame(one: unknown, other: unknown): boolean {
  return holds(one, other) && holds(other, one);
}

/** Whether a stored JSON value has everything of a sent one; an API key is shown as its mask, `sk-1…9abc`. */
export function holds(stored: unknown, sent: unknown, isMasked = false): boolean {
  if (stored === sent) return true;
  if (isMasked && typeof stored === "string" && typeof sent === "string") {
    const [head, tail] = stored.split("…");
    return tail !== undefined && sent.startsWith(head!) && sent.endsWith(tail);
  }
  if (typeof stored !== "object" || typeof sent !== "object" || !stored || !sent) return false;
  if (Array.isArray(stored) !== Array.isArray(sent) || (Array.isArray(sent) && sent.length !== (stored as unknown[]).length)) return false;
  return Object.entries(sent).every(([name, value]) => holds((stored as Data)[name], value, isMasked || name === "api_keys"));
}
