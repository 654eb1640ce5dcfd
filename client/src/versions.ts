/** Which version of each step this page has seen: a write says it in `If-Match`, so that it never overwrites another. */

const STEP = /\/api\/onboarding\/step\/(\d+)(?:\/(?:complete|skip|draft))?$/;

type Send = (request: Request) => Promise<Response>;

export class Versions {
  readonly #known = new Map<string, string>();

  /** Sends a request of a step with the version that is known, and notes the version of the answer. */
  async track(request: Request, send: Send): Promise<Response> {
    const step = STEP.exec(new URL(request.url).pathname)?.[1];
    if (step === undefined) return send(request);
    if (request.method !== "GET" && !request.headers.has("If-Match")) {
      const version = this.#known.get(step) ?? (await this.#read(request, step, send));
      if (version) request.headers.set("If-Match", version);
    }
    const response = await send(request);
    const version = response.headers.get("ETag");
    if (response.ok && version) this.#known.set(step, version);
    return response;
  }

  /** The version of a step that this page has seen, as its ETag. */
  seen(step: number): string | undefined {
    return this.#known.get(String(step));
  }

  /** Takes note of a version that was seen elsewhere, such as the one that a conflict names. */
  see(step: number, version: number): void {
    this.#known.set(String(step), `"${version}"`);
  }

  async #read(request: Request, step: string, send: Send): Promise<string | null> {
    const url = request.url.replace(STEP, `/api/onboarding/step/${step}`);
    const response = await send(new Request(url, { signal: request.signal }));
    return response.ok ? response.headers.get("ETag") : null;
  }
}
