// Runs every scenario in one browser against a server of `make dev`, and prints one line of JSON for each:
// node run.mjs <url> <browser> <folder of the screenshots> [part of a scenario's name]
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";
import * as pages from "./pages.mjs";
import * as wizard from "./wizard.mjs";

const [url, executablePath, screenshots] = process.argv.slice(2);
const QUIET = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];
const TIMEOUT = 20_000; // milliseconds; a busy machine is slow
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const browser = await chromium.launch({ executablePath, args: QUIET });

/** A person's device: `open` gives a page, and `faults` collects what no page may do. */
async function device() {
  const context = await browser.newContext({ viewport: { width: 1180, height: 900 }, colorScheme: "light" });
  context.setDefaultTimeout(TIMEOUT);
  const faults = [];
  context.on("request", (request) => {
    if (!request.url().startsWith(url) && !/^(data|blob):/.test(request.url())) faults.push(`asked ${request.url()}`);
  });
  const open = async (path) => {
    const page = await context.newPage();
    page.on("pageerror", (error) => faults.push(`${error}`));
    page.on("console", (message) => {
      if (message.text().includes("Content Security Policy")) faults.push(message.text());
    });
    await page.goto(url + path);
    return page;
  };
  return { context, faults, open };
}

/** Asks axe-core about a page, or a part of it, in the dark and in the light. */
async function inspect(page, place, within = "html") {
  for (const colorScheme of ["dark", "light"]) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    // The protocol evaluates this, which the page's policy does not hold back. Two frames later the page has its colours.
    await page.evaluate(axe);
    const { violations } = await page.evaluate(async (selector) => {
      for (const _ of [1, 2]) await new Promise(requestAnimationFrame);
      return globalThis.axe.run(selector);
    }, within);
    const found = violations.flatMap(({ id, nodes }) => nodes.map(({ target, html }) => `${id}: ${target} ${html.slice(0, 200)}`));
    if (found.length) throw new Error(`axe-core on ${place}, ${colorScheme}:\n${found.join("\n")}`);
  }
}

async function run(name, scenario) {
  const devices = [];
  const newDevice = async () => {
    devices.push(await device());
    return devices.at(-1);
  };
  const user = `user_2${name.replaceAll(/\W/g, "")}`;
  const began = performance.now();
  let error = null;
  try {
    await scenario({ url, user, screenshots, newDevice, inspect });
    const faults = devices.flatMap((one) => one.faults);
    if (faults.length) throw new Error(faults.join("\n"));
  } catch (thrown) {
    error = `${thrown.stack}`;
  }
  for (const { context } of devices) await context.close();
  console.log(JSON.stringify({ name, error, seconds: (performance.now() - began) / 1000 }));
}

const wanted = process.argv[5] ?? "";
for (const [name, scenario] of Object.entries({ ...pages, ...wizard })) if (name.includes(wanted)) await run(name, scenario);
await browser.close();
