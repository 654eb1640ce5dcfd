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

/** Asks axe-core about a page, or a part of it: for all that it knows, and in the dark for what depends on colours. */
async function inspect(page, place, within = "html") {
  await page.evaluate(axe); // the protocol evaluates this, which the page's policy does not hold back
  for (const [colorScheme, rules] of [["dark", { runOnly: ["color-contrast"] }], ["light", {}]]) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    const options = { ...rules, resultTypes: ["violations"] };
    const { violations } = await page.evaluate(async ([selector, options]) => {
      for (const _ of [1, 2]) await new Promise(requestAnimationFrame); // until the page has its colours
      return globalThis.axe.run(selector, options);
    }, [within, options]);
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
  const user = `user_2${name}_${Date.now()}`; // new in each run, whatever database there is
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
const left = Object.entries({ ...pages, ...wizard }).filter(([name]) => name.includes(wanted));
// Most of a scenario is waiting, so others run meanwhile, each on devices and with a user of its own.
const worker = async () => {
  for (let next = left.shift(); next; next = left.shift()) await run(...next);
};
await Promise.all([worker(), worker(), worker()]);
await browser.close();
