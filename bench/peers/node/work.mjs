// What both Node.js services share: whose token it is, and step 2's rules.
import { createVerifier } from "fast-jwt";

const verify = createVerifier({ key: process.env.CLERK_JWT_KEY, algorithms: ["RS256"], clockTolerance: 5000 });

export function userOf(authorization) {
  const { sub } = verify((authorization ?? "").replace(/^Bearer /, ""));
  if (typeof sub !== "string" || !sub) throw new Error("no user");
  return sub;
}

// A URL of Postgres as separate options: `?host=` names the folder of a socket.
export function database() {
  const url = new URL(process.env.DATABASE_URL);
  return {
    host: url.searchParams.get("host") ?? url.hostname,
    port: Number(url.searchParams.get("port") ?? (url.port || 5432)),
    database: url.pathname.slice(1),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    max: 5,
  };
}
