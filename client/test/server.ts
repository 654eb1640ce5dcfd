/** A server on this machine that answers as a test says, and remembers what it was asked. */
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";

export interface Asked {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  body: unknown;
}

export interface Told {
  status?: number;
  headers?: Record<string, string>;
  body?: unknown;
  /** Close the connection in place of an answer. */
  cut?: boolean;
}

export interface Stub {
  url: string;
  asked: Asked[];
  answer: (asked: Asked) => Told | Promise<Told>;
  close: () => Promise<void>;
}

export async function stub(answer: Stub["answer"]): Promise<Stub> {
  const made: Stub = { url: "", asked: [], answer, close: async () => {} };
  const server = createServer(async (request, response) => {
    let text = "";
    for await (const chunk of request) text += chunk;
    const asked = { method: request.method ?? "", path: request.url ?? "", headers: request.headers, body: text ? JSON.parse(text) : undefined };
    made.asked.push(asked);
    const told = await made.answer(asked);
    if (told.cut) {
      request.socket.destroy();
      return;
    }
    response.writeHead(told.status ?? 200, { "Content-Type": "application/json", ...told.headers });
    response.end(told.body === undefined ? undefined : JSON.stringify(told.body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  made.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  made.close = () =>
    new Promise((resolve) => {
      server.closeAllConnections();
      server.close(() => resolve());
    });
  return made;
}

/** A token whose `sub` is the user; `issued` tells tokens of the same user apart. */
export function token(user: string, issued = "s"): string {
  return `h.${Buffer.from(JSON.stringify({ sub: user })).toString("base64url")}.${issued}`;
}

/** Waits until the condition holds. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + 5000;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`still false: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
