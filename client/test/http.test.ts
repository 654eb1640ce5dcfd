import assert from "node:assert/strict";
import { test } from "node:test";
import { sendWith } from "../src/http.js";
import { Versions } from "../src/versions.js";
import { stub, token } from "./server.js";

const STEP = "/api/onboarding/step/2";

function sender(pauses: number[] = [], tokens: string[] = []) {
  return sendWith({
    getToken: async (options) => {
      const made = token(options?.skipCache ? "fresh" : "cached");
      tokens.push(made);
      return made;
    },
    versions: new Versions(),
    fetch: (request) => fetch(request),
    pause: async (milliseconds) => void pauses.push(milliseconds),
  });
}

test("a 401 is answered with a newly issued token, once", async () => {
  const server = await stub(({ headers }) => ({ status: headers.authorization === `Bearer ${token("fresh")}` ? 200 : 401 }));
  assert.equal((await sender()(new Request(`${server.url}/a`))).status, 200);
  assert.equal(server.asked.length, 2);
  server.answer = () => ({ status: 401 });
  assert.equal((await sender()(new Request(`${server.url}/a`))).status, 401);
  assert.equal(server.asked.length, 4);
  await server.close();
});

test("503, 429 and a broken connection are tried again, with the same request id and the whole body", async () => {
  const answers = [{ status: 503, headers: { "Retry-After": "5" } }, { status: 429, headers: { "Retry-After": "1" } }, { cut: true }, {}];
  const server = await stub(() => answers.shift()!);
  const pauses: number[] = [];
  const request = new Request(`${server.url}/a`, { method: "POST", body: '{"a": 1}' });
  assert.equal((await sender(pauses)(request)).status, 200);
  assert.equal(server.asked.length, 4);
  assert.equal(new Set(server.asked.map(({ headers }) => headers["x-request-id"])).size, 1);
  assert.deepEqual(server.asked.map(({ body }) => body), Array(4).fill({ a: 1 }));
  assert.ok(pauses[0]! >= 5000 && pauses[0]! <= 6250, `${pauses}`);
  assert.ok(pauses[1]! >= 1000 && pauses[1]! <= 1250, `${pauses}`);
  await server.close();
});

test("it gives up after four attempts, and never repeats what was refused", async () => {
  const server = await stub(() => ({ status: 503 }));
  assert.equal((await sender()(new Request(`${server.url}/a`))).status, 503);
  assert.equal(server.asked.length, 4);
  for (const status of [400, 404, 409, 412, 413, 422, 500]) {
    server.asked.length = 0;
    server.answer = () => ({ status });
    assert.equal((await sender()(new Request(`${server.url}/a`, { method: "POST" }))).status, status);
    assert.equal(server.asked.length, 1);
  }
  await server.close();
});

test("an aborted request is not tried again", async () => {
  const server = await stub(() => ({ cut: true }));
  const controller = new AbortController();
  const send = sendWith({
    getToken: async () => null,
    versions: new Versions(),
    fetch: (request) => fetch(request),
    pause: async () => controller.abort(),
  });
  await assert.rejects(send(new Request(`${server.url}/a`, { signal: controller.signal })));
  assert.equal(server.asked.length, 1);
  await server.close();
});

test("a write says the version that was seen, reading it first where none was", async () => {
  let version = 3;
  const server = await stub(({ method }) => ({ headers: { ETag: `"${method === "GET" ? version : (version += 1)}"` } }));
  const send = sender();
  const write = () => send(new Request(`${server.url}${STEP}/complete`, { method: "POST" }));
  await write();
  await write();
  assert.deepEqual(
    server.asked.map(({ method, headers }) => [method, headers["if-match"]]),
    [["GET", undefined], ["POST", '"3"'], ["POST", '"4"']],
  );
  await server.close();
});

test("a conflict leaves the version as it was, until the page has seen the newer one", async () => {
  const server = await stub(({ headers }) => (headers["if-match"] === '"9"' ? { headers: { ETag: '"10"' } } : { status: 412 }));
  const versions = new Versions();
  const send = sendWith({ getToken: async () => null, versions, fetch: (request) => fetch(request), pause: async () => {} });
  versions.see(2, 7);
  const write = () => send(new Request(`${server.url}${STEP}/draft`, { method: "PUT" }));
  assert.equal((await write()).status, 412);
  assert.equal((await write()).status, 412);
  versions.see(2, 9);
  assert.equal((await write()).status, 200);
  assert.equal(versions.seen(2), '"10"');
  await server.close();
});
