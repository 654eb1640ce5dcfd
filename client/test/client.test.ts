import "fake-indexeddb/auto";
import assert from "node:assert/strict";
import { test } from "node:test";
import { createOnboardingClient } from "../src/index.js";
import { stub, type Told, token, until } from "./server.js";

const STEP = { params: { path: { step_number: 4 } } };

/** A page at which a first person types, and the requests with each token that change something. */
async function page() {
  const server = await stub(() => ({ headers: { ETag: '"1"' }, body: {} }));
  const signedIn = { user: "first" };
  const client = createOnboardingClient({ baseUrl: server.url, getToken: async () => token(signedIn.user) });
  await client.drafts.restore();
  await client.GET("/api/onboarding/step/{step_number}", STEP);
  const writes = (): string[] =>
    server.asked.filter(({ method }) => method !== "GET").map(({ path, headers }) => `${path.split("/").at(-1)} ${headers.authorization === `Bearer ${token("first")}` ? "first" : "second"}`);
  return { server, signedIn, client, writes };
}

test("a draft is never sent, shown or versioned as another person's, who signs in while it is tried again", async () => {
  const { server, signedIn, client, writes } = await page();
  server.answer = () => {
    signedIn.user = "second";
    return { status: 503, headers: { "Retry-After": "0.05" } };
  };
  await client.drafts.change(4, { text: "of the first" });
  await client.drafts.flush();
  await client.drafts.restore();
  await client.drafts.flush();
  assert.deepEqual([writes(), client.drafts.unsent(4), client.versions.seen(4)], [["draft first"], undefined, undefined]);
  signedIn.user = "first";
  server.answer = () => ({ headers: { ETag: '"2"' }, body: { version: 2, saved_at: "now" } });
  await client.drafts.restore();
  await until(() => client.drafts.status(4).state === "saved");
  assert.deepEqual(writes(), ["draft first", "draft first"]);
  client.drafts.close();
  await server.close();
});

test("a completion that waits for a draft under way is not sent as somebody who signs in meanwhile", async () => {
  const { server, signedIn, client, writes } = await page();
  let answer = (_told: Told): void => {};
  server.answer = () => new Promise((resolve) => (answer = resolve));
  await client.drafts.change(4, { text: "of the first" });
  void client.drafts.flush();
  await until(() => writes().length === 1);
  const completing = client.POST("/api/onboarding/step/4/complete", { body: { data: {} } as never });
  signedIn.user = "second";
  answer({ headers: { ETag: '"2"' }, body: { version: 2, saved_at: "now" } });
  await assert.rejects(completing);
  assert.deepEqual(writes(), ["draft first"]);
  client.drafts.close();
  await server.close();
});
