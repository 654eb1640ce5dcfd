// Bundles the tests and runs them: `npm test`, or `npm test drafts` for one file.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";

const wanted = process.argv[2] ?? "";
const entryPoints = readdirSync("test").filter((name) => name.endsWith(".test.ts") && name.includes(wanted));
const outdir = mkdtempSync(join(tmpdir(), "onboarding-client-"));
await build({
  entryPoints: entryPoints.map((name) => join("test", name)),
  outdir,
  outExtension: { ".js": ".mjs" },
  bundle: true,
  platform: "node",
  format: "esm",
  logLevel: "error",
});
const files = readdirSync(outdir).map((name) => join(outdir, name));
const { status } = spawnSync(process.execPath, ["--test", "--test-reporter=spec", ...files], { stdio: "inherit" });
rmSync(outdir, { recursive: true });
process.exit(status ?? 1);
