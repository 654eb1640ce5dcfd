// Unpacks the Chromium of @sparticuz/chromium, a headless shell for Linux with the libraries and fonts that it needs, and
// prints the path of a script that starts it with them.
import { chmodSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const folder = join(import.meta.dirname, "unpacked");
const start = join(folder, "start.sh");
if (!existsSync(start)) {
  mkdirSync(folder, { recursive: true });
  process.env.TMPDIR = folder; // where the package unpacks to
  process.env.AWS_EXECUTION_ENV = "AWS_Lambda_nodejs22.x"; // what makes it unpack the libraries, too
  const { default: chromium } = await import("@sparticuz/chromium");
  const binary = await chromium.executablePath();
  const libraries = join(folder, "al2023", "lib");
  const fonts = join(folder, "fonts");
  writeFileSync(start, `#!/bin/sh\nLD_LIBRARY_PATH='${libraries}' FONTCONFIG_PATH='${fonts}' exec '${binary}' "$@"\n`);
  chmodSync(start, 0o755);
}
console.log(start);
