// Prints how many bytes the client adds to a page that has openapi-fetch already: bundled, minified, compressed by gzip.
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const { outputFiles } = await build({
  entryPoints: ["src/index.ts"],
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  external: ["openapi-fetch"],
  write: false,
  logLevel: "error",
});
console.log(gzipSync(outputFiles[0].contents, { level: 9 }).length);
