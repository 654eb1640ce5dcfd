// Builds the pages that are not committed: the renderer of the reference, and the wizard, into ../public or a folder that is named.
import { copyFileSync, mkdirSync, rmSync } from "node:fs";
import { build } from "esbuild";

const PUBLIC = process.argv[2] ?? "../public";

mkdirSync(`${PUBLIC}/reference`, { recursive: true });
for (const name of ["swagger-ui-bundle.js", "swagger-ui.css"]) {
  copyFileSync(`node_modules/swagger-ui-dist/${name}`, `${PUBLIC}/reference/${name}`);
}

// A wizard that anybody can click belongs in no production, unless it is asked for.
const asked = process.env.ONBOARDING_WIZARD;
if (asked === "1" || (asked !== "0" && process.env.VERCEL_ENV !== "production")) {
  await build({
    entryPoints: ["wizard/wizard.tsx", "wizard/wizard.css"],
    outdir: `${PUBLIC}/wizard`,
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    jsx: "automatic",
    define: { "process.env.NODE_ENV": '"production"' },
    logLevel: "error",
  });
  copyFileSync("wizard/index.html", `${PUBLIC}/wizard/index.html`);
} else {
  rmSync(`${PUBLIC}/wizard`, { recursive: true, force: true });
}
