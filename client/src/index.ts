/** The client of the onboarding API: typed calls, and drafts that are saved while somebody types. */
import createClient, { type Client } from "openapi-fetch";
import { Drafts, type Outcome } from "./drafts.js";
import { type GetToken, pause, type SendAs, sendWith, userOf } from "./http.js";
import type { components, paths } from "./schema.js";
import { indexedDbStore, memoryStore, type Unsent } from "./store.js";
import { type StepNow, stepOf, Versions } from "./versions.js";

export type { DraftStatus } from "./drafts.js";
export type { GetToken } from "./http.js";
export type { components, paths } from "./schema.js";
export type { Data, StepNow } from "./versions.js";

/** An error answer (RFC 9457); `code` is what a program tells errors apart by. */
export type Problem = components["schemas"]["Problem"];

export interface OnboardingOptions {
  /** Where the API is, without a slash at the end; empty for the page's own origin. */
  baseUrl: string;
  getToken: GetToken;
  fetch?: (request: Request) => Promise<Response>;
}

export interface OnboardingClient extends Client<paths> {
  drafts: Drafts;
  versions: Versions;
}

/**
 * Makes a client. `GET`, `POST`, `PUT` and `DELETE` take the API's paths and give `{ data, error, response }`, typed; they
 * reject only where there is no answer. They fetch a fresh token once after a 401, try again after a 429, a 503 or a
 * broken connection, and write only over the version that this page has seen: a 412's `error` holds the newer one.
 */
export function createOnboardingClient({ baseUrl, getToken, ...options }: OnboardingOptions): OnboardingClient {
  const versions = new Versions();
  const signedIn = (user: string): void => drafts.become(user);
  const send = sendWith({ getToken, versions, signedIn, pause, fetch: options.fetch ?? ((request) => fetch(request)) });
  const client: Client<paths> = createClient<paths>({
    baseUrl,
    fetch: async (request) => {
      const { step, action } = stepOf(request) ?? {};
      const ends = step !== undefined && (action === "complete" || action === "skip");
      if (!ends) return send(request);
      const ended = await drafts.ending(step, async (user) => ({ response: await send(request, user) }), action === "skip");
      return ended.response;
    },
  });
  const isBrowser = "indexedDB" in globalThis; // a server that renders the page has nobody who types
  const drafts: Drafts = new Drafts({
    user: async () => {
      const user = userOf(await getToken());
      if (user === undefined) throw new Error("Nobody is signed in.");
      return user;
    },
    versions,
    save: (draft, signal) => saved(client, send, draft, signal),
    store: isBrowser ? indexedDbStore() : memoryStore(),
    ...(isBrowser && { channel: new BroadcastChannel("onboarding") }),
  });
  return Object.assign(client, { drafts, versions });
}

async function saved(client: Client<paths>, send: SendAs, draft: Unsent, signal: AbortSignal): Promise<Outcome> {
  if (globalThis.navigator?.onLine === false) return { kind: "unreachable" };
  try {
    const { data, error, response } = await client.PUT("/api/onboarding/step/{step_number}/draft", {
      params: { path: { step_number: draft.step } },
      body: { data: draft.data },
      fetch: (request) => send(request, draft.user),
      signal,
      ...(draft.version && { headers: { "If-Match": draft.version } }),
    });
    if (data) return { kind: "saved", version: data.version, savedAt: data.saved_at };
    if (response.status === 429 || response.status >= 500 || response.status === 401) return { kind: "unreachable" };
    const problem = error as Problem & { current_version?: number; current?: StepNow };
    if (response.status === 412 && problem.current && problem.current_version !== undefined) {
      return { kind: "conflict", version: problem.current_version, current: problem.current, problem };
    }
    return { kind: "refused", problem };
  } catch {
    return { kind: "unreachable" };
  }
}
