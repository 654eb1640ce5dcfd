import assert from "node:assert/strict";
import { test } from "node:test";
import { sendWith } from "../src/http.js";
import { Versions } from "../src/versions.js";
import { stub, token, until } from "./server.js";

const STEP = "/api/onboarding/step/2";

function sender(pauses: number[] = [], tokens: string[] = []) {
  return sendWith({
    getToken: async (options) => {
      const made = token("user", options?.skipCache ? "fresh" : "cached");
      tokens.push(made);
      return made;
    },
    versions: new Versions(),
    fetch: (request) => fetch(request),
    pause: async (milliseconds) => void pauses.push(milliseconds),
  });
}

test("a 401 is answered with a newly issued token, once", async () => {
  const server = await stub(({ headers }) => ({ status: headers.authorization === `Bearer ${token("user", "fresh")}` ? 200 : 401 }));
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

test("what one person sends is never tried again as another, who signed in meanwhile", async () => {
  const server = await stub(() => ({ status: 503 }));
  let user = "first";
  const heard: string[] = [];
  const send = sendWith({
    getToken: async () => token(user),
    versions: new Versions(),
    signedIn: (one) => void heard.push(one),
    fetch: (request) => fetch(request),
    pause: async () => void (user = "second"),
  });
  await assert.rejects(send(new Request(`${server.url}/a`, { method: "POST", body: "{}" })));
  assert.deepEqual(server.asked.map(({ headers }) => headers.authorization), [`Bearer ${token("first")}`]);
  assert.deepEqual(heard, ["first", "second"]);
  await assert.rejects(send(new Request(`${server.url}/a`, { method: "POST", body: "{}" }), "first"));
  assert.equal(server.asked.length, 1);
  await server.close();
});

test("an answer that asks for more patience than a person has is handed over", async () => {
  const server = await stub(() => ({ status: 429, headers: { "Retry-After": "3600" } }));
  assert.equal((await sender()(new Request(`${server.url}/a`))).status, 429);
  assert.equal(server.asked.length, 1);
  await server.close();
});

test("what is tried again never undoes a later write of the same", async () => {
  const answers = [{ cut: true }, { status: 503 }];
  const server = await stub(() => answers.shift() ?? {});
  const send = sender();
  const save = (key: string) => send(new Request(`${server.url}/api/onboarding/api-keys`, { method: "POST", body: JSON.stringify({ key }) }));
  const remove = () => send(new Request(`${server.url}/api/onboarding/api-keys/openai`, { method: "DELETE" }));
  await Promise.all([save("old"), remove(), save("new")]);
  assert.deepEqual(server.asked.map(({ method, body }) => (body as { key: string } | undefined)?.key ?? method), ["old", "old", "old", "DELETE", "new"]);
  server.answer = () => ({ cut: true });
  const failed = save("newer");
  const after = save("newest");
  await assert.rejects(failed);
  await assert.rejects(after); // it had its turn all the same
  assert.equal(server.asked.length, 13);
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

test("a write whose step cannot be read is not sent over what nobody has seen", async () => {
  const server = await stub(({ method }) => ({ status: method === "GET" ? 500 : 200 }));
  assert.equal((await sender()(new Request(`${server.url}${STEP}/draft`, { method: "PUT", body: "{}" }))).status, 500);
  assert.deepEqual(server.asked.map(({ method }) => method), ["GET"]);
  await server.close();
});

test("a step that was read before a write, and arrives after it, takes no version back", async () => {
  let release = (): void => {};
  const server = await stub(async ({ method }) => {
    if (method === "GET") await new Promise<void>((resolve) => (release = resolve));
    return { headers: { ETag: method === "GET" ? '"3"' : '"4"' } };
  });
  const versions = new Versions();
  versions.see(2, 3);
  const send = sendWith({ getToken: async () => null, versions, fetch: (request) => fetch(request), pause: async () => {} });
  const reading = send(new Request(`${server.url}${STEP}`));
  await until(() => server.asked.length === 1);
  await send(new Request(`${server.url}${STEP}/draft`, { method: "PUT", body: "{}" }));
  release();
  await reading;
  assert.equal(versions.seen(2), '"4"');
  const again = send(new Request(`${server.url}${STEP}`));
  await until(() => server.asked.length === 3);
  versions.forget(); // a hard reset, or somebody else who signed in
  release();
  await again;
  assert.equal(versions.seen(2), undefined);
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

/** A step's version that a lost answer raised: the first write is stored and its connection is cut. */
async function lossy(current: object) {
  let writes = 0;
  const server = await stub(({ headers }) => {
    if ((writes += 1) === 1) return { cut: true };
    return headers["if-match"] === '"4"' ? { headers: { ETag: '"5"' } } : { status: 412, body: { current_version: 4, current } };
  });
  const versions = new Versions();
  versions.see(2, 3);
  const send = sendWith({ getToken: async () => null, versions, fetch: (request) => fetch(request), pause: async () => {} });
  const write = (action: string, data: object) => {
    const method = action === "draft" ? "PUT" : "POST";
    return send(new Request(`${server.url}${STEP}/${action}`, { method, body: JSON.stringify({ data }) }));
  };
  return { server, write };
}

test("a write that meets what it stored itself, its answer being lost, is a success", async () => {
  const stored = { url: "https://example.com", list: [1, { b: 2, a: 1 }], api_keys: { openai: "sk-1…wxyz" } };
  const sent = { list: [1, { a: 1, b: 2 }], api_keys: { openai: "sk-1234567890wxyz" } };
  const own: [string, object, object][] = [
    ["complete", sent, { status: "completed", data: stored, draft: null }],
    ["skip", {}, { status: "skipped", data: null, draft: null }],
    ["draft", { a: [1] }, { status: "in_progress", data: null, draft: { data: { a: [1] } } }],
  ];
  for (const [action, data, current] of own) {
    const { server, write } = await lossy(current);
    assert.equal((await write(action, data)).status, 200, action);
    assert.deepEqual(server.asked.map(({ headers }) => headers["if-match"]), ['"3"', '"3"', '"4"']);
    await server.close();
  }
});

test("a write that meets anything else is a conflict, and is not sent again", async () => {
  const others: [string, object, object][] = [
    ["complete", { a: 1 }, { status: "completed", data: { a: 2 }, draft: null }],
    ["complete", { a: 1 }, { status: "completed", data: { a: 1 }, draft: { data: { a: 1 } } }],
    ["complete", { a: [1] }, { status: "completed", data: { a: [1, 2] }, draft: null }],
    ["complete", { a: "the … mark" }, { status: "completed", data: { a: "the whole … mark" }, draft: null }],
    ["skip", {}, { status: "completed", data: {}, draft: null }],
    ["draft", { a: 1 }, { status: "in_progress", data: null, draft: { data: { a: 1, b: 2 } } }],
  ];
  for (const [action, data, current] of others) {
    const { server, write } = await lossy(current);
    assert.equal((await write(action, data)).status, 412, `${action} ${JSON.stringify(current)}`);
    assert.equal(server.asked.length, 2);
    await server.close();
  }
});

test("what generates is sent once, since each time costs money, and so is a reset, which would undo what came after it", async () => {
  for (const path of ["style-detection/complete", "step3/discover-competitors", "step4/generate-personas-async", "reset"]) {
    const server = await stub(() => ({ status: 503 }));
    const generate = () => sender()(new Request(`${server.url}/api/onboarding/${path}`, { method: "POST", body: "{}" }));
    assert.equal((await generate()).status, 503);
    server.answer = () => ({ cut: true });
    await assert.rejects(generate());
    assert.equal(server.asked.length, 2, path);
    await server.close();
  }
});

test("after a write that changes steps without naming one, the versions are read anew", async () => {
  const server = await stub(() => ({ headers: { ETag: '"3"' } }));
  const send = sender();
  const post = (path: string) => send(new Request(`${server.url}/api/onboarding/${path}`, { method: "POST", body: "{}" }));
  for (const path of ["step/2/complete", "step/2/complete", "reset", "step/2/complete"]) await post(path);
  assert.deepEqual(
    server.asked.map(({ method, path }) => `${method} ${path.replace("/api/onboarding/", "")}`),
    ["GET step/2", "POST step/2/complete", "POST step/2/complete", "POST reset", "GET step/2", "POST step/2/complete"],
  );
  await server.close();
});
