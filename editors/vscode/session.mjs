// A session of VS Code in a browser without a screen, with this extension and the language server.
//
// Usage: node editors/vscode/session.mjs DFLOWC CODE_SERVER CHROMIUM [FOLDER FOR PICTURES]
//
// It types a map as a person does, with Enter behind the brace, and must get exactly that; reads a hover, applies a quick
// fix, and types and undoes sixty times, after which the server must still answer. Exit code 0 when all is as it should
// be. It needs the packages of package.json (`npm install` here), code-server, and Chromium.

import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import puppeteer from "puppeteer-core";

const here = path.dirname(fileURLToPath(import.meta.url));
const [dflowc, codeServer, chromium, pictures] = process.argv.slice(2).map((p) => path.resolve(p));
if (!chromium) {
  console.error("usage: node session.mjs DFLOWC CODE_SERVER CHROMIUM [FOLDER FOR PICTURES]");
  process.exit(2);
}

let failed = 0;
const work = fs.mkdtempSync(path.join(os.tmpdir(), "dflow-vscode-"));
const folder = path.join(work, "design");
const file = path.join(folder, "design.dflow");
const head = "use std.networks.vgg16;\nuse std.accelerators.eyeriss;\nuse std.dataflows.{nvdla, streaming};\n";
fs.mkdirSync(folder);
fs.writeFileSync(file, head);
const settings = path.join(work, "data", "User");
fs.mkdirSync(settings, { recursive: true });
fs.writeFileSync(
  path.join(settings, "settings.json"),
  JSON.stringify({
    "dflow.server.path": dflowc,
    "workbench.startupEditor": "none",
    "security.workspace.trust.enabled": false,
    "telemetry.telemetryLevel": "off",
    "window.commandCenter": false,
    "chat.commandCenter.enabled": false,
    "files.autoSave": "off",
  }),
);

const places = ["--user-data-dir", path.join(work, "data"), "--extensions-dir", path.join(work, "extensions")];
const vsix = fs.readdirSync(here).find((name) => name.endsWith(".vsix"));
if (!vsix) {
  console.error("there is no package: `npm run package` makes it");
  process.exit(2);
}
const installed = spawnSync(codeServer, [...places, "--install-extension", path.join(here, vsix)], { encoding: "utf8" });
check("the package is installed", installed.status === 0, installed.stdout + installed.stderr);

const port = 20000 + (process.pid % 20000);
const server = spawn(
  codeServer,
  [...places, "--auth", "none", "--bind-addr", `127.0.0.1:${port}`, "--disable-telemetry", "--disable-update-check", folder],
  { stdio: "ignore", env: { ...process.env, XDG_CACHE_HOME: path.join(work, "cache") } },
);
const browser = await puppeteer.launch({
  executablePath: chromium,
  headless: true,
  args: ["--no-sandbox", "--disable-gpu", "--window-size=1400,900"],
  defaultViewport: { width: 1400, height: 900 },
});


try {
  await session();
} catch (error) {
  failed += 1;
  console.log(`FAILED: ${error.stack ?? error}`);
} finally {
  await browser.close().catch(() => {});
  server.kill();
  fs.rmSync(work, { recursive: true, force: true });
}
console.log(failed === 0 ? "session passed" : `${failed} failed`);
process.exit(failed === 0 ? 0 : 1);

function check(what, holds, shown = "") {
  if (holds) {
    console.log(`ok: ${what}`);
  } else {
    failed += 1;
    console.log(`FAILED: ${what}\n${shown}`);
  }
}

function pause(milliseconds) {
  return new Promise((done) => setTimeout(done, milliseconds));
}

/** Asks again and again, as a busy machine is slow; the last answer, whether it holds or not. */
async function until(ask, patience = 120_000) {
  const end = Date.now() + patience;
  for (;;) {
    const found = await ask().catch(() => undefined);
    if (found || Date.now() > end) {
      return found;
    }
    await pause(250);
  }
}

async function session() {
  const page = await browser.newPage();
  const ready = await until(() => page.goto(`http://127.0.0.1:${port}/?folder=${encodeURIComponent(folder)}`));
  check("VS Code answers", Boolean(ready));
  await page.waitForSelector(".monaco-workbench", { timeout: 120_000 });
  const picture = async (name) => {
    if (pictures) {
      fs.mkdirSync(pictures, { recursive: true });
      await page.screenshot({ path: path.join(pictures, `${name}.png`) });
    }
  };
  const keys = async (...all) => {
    for (const key of all.slice(0, -1)) await page.keyboard.down(key);
    await page.keyboard.press(all.at(-1));
    for (const key of all.slice(0, -1).reverse()) await page.keyboard.up(key);
  };
  const command = async (name) => {
    await page.keyboard.press("F1");
    await page.waitForSelector(".quick-input-widget input", { visible: true });
    await page.keyboard.type(name, { delay: 5 });
    await until(() => page.$(".quick-input-list .monaco-list-row.focused"));
    await page.keyboard.press("Enter");
  };
  const text = (selector) => page.$$eval(selector, (all) => all.map((one) => one.textContent).join("\n"));
  const saved = async () => {
    await keys("Control", "s");
    await until(async () => (await page.$(".tab.active.dirty")) === null, 20_000);
    return fs.readFileSync(file, "utf8");
  };

  await pause(1500);
  await keys("Control", "p");
  await page.waitForSelector(".quick-input-widget input", { visible: true });
  await page.keyboard.type("design.dflow");
  await until(() => page.$(".quick-input-list .monaco-list-row"));
  await page.keyboard.press("Enter");
  await page.waitForSelector(".monaco-editor .view-lines", { timeout: 60_000 });
  // The server has coloured the names: what the grammar knows alone is no network.
  const answers = await until(() => page.$(".codelens-decoration, .squiggly-warning, .monaco-editor .mtk1"));
  check("the file is open", Boolean(answers));
  await pause(3000);

  // As people type.
  await keys("Control", "End");
  const type = (what) => page.keyboard.type(what, { delay: 60 });
  await type("Map vgg16 on eyeriss {");
  await pause(800);
  await page.keyboard.press("Enter");
  await type("default: streaming;");
  await pause(800);
  const wanted = `${head}Map vgg16 on eyeriss {\n  default: streaming;\n}`;
  const written = await saved();
  check("what was typed is what is there", written.trimEnd() === wanted, written);
  await picture("typed");

  const hints = await until(async () => {
    const all = await text(".monaco-editor .view-lines");
    return /cycles/.test(all) ? all : undefined;
  });
  check("costs stand beside the text", Boolean(hints), await text(".monaco-editor .view-lines"));
  check("and are whole", Boolean(hints) && !hints.includes("\u2026"), hints);
  const lens = await until(() => page.$(".codelens-decoration a"));
  check("a map offers its report", Boolean(lens));

  // Hover over `vgg16`: to the line of the map, then to its second word.
  await keys("Control", "Home");
  for (let line = 0; line < 3; line += 1) await page.keyboard.press("ArrowDown");
  for (let letter = 0; letter < 6; letter += 1) await page.keyboard.press("ArrowRight");
  await command("Show or Focus Hover");
  const hover = await until(async () => {
    const shown = await text(".monaco-hover:not(.hidden) .hover-contents");
    return /MACs/.test(shown) ? shown : undefined;
  }, 30_000);
  check("hover tells of the network", Boolean(hover), hover);
  await picture("hover");
  await page.keyboard.press("Escape");

  // A word that is nearly right is mended by the first quick fix.
  const toEnd = async () => {
    await page.keyboard.press("Escape");
    await page.click(".monaco-editor .view-lines");
    await pause(300);
    await keys("Control", "End");
    await pause(300);
  };
  await toEnd();
  await page.keyboard.press("Enter");
  await type("Map vgg16 on eyeris as second { }");
  const squiggle = await until(() => page.$(".squiggly-error"));
  check("the mistake is shown", Boolean(squiggle));
  await page.keyboard.press("Home");
  for (let letter = 0; letter < 15; letter += 1) await page.keyboard.press("ArrowRight");
  await keys("Control", ".");
  await until(() => page.$(".action-widget .monaco-list-row, .context-view .action-label"), 30_000);
  await picture("fix");
  await page.keyboard.press("Enter");
  await pause(1500);
  const mended = await saved();
  check("the fix is applied", mended.includes("on eyeriss as second"), mended);

  // The report of the map under the cursor.
  await command("dflow: Show the report of the map under the cursor");
  const report = await until(async () => {
    const all = await text(".monaco-editor .view-lines");
    return /exact.model/.test(all) ? all : undefined;
  }, 60_000);
  check("the report opens", Boolean(report));
  await picture("report");
  await keys("Control", "w");

  // Sixty times in and out.
  await keys("Control", "p");
  await page.keyboard.type("design.dflow");
  await pause(500);
  await page.keyboard.press("Enter");
  await pause(500);
  await toEnd();
  const before = await saved();
  // What is typed together is taken back together, or letter by letter.
  const isThere = async () => /\{x/.test(await text(".monaco-editor .view-lines"));
  for (let round = 0; round < 60; round += 1) {
    await page.keyboard.type(" {x");
    await until(isThere, 10_000);
    for (let times = 0; times < 4 && (await isThere()); times += 1) {
      await keys("Control", "z");
      await pause(60);
    }
  }
  // A blank may be left of the last one.
  const after = await saved();
  check("sixty rounds leave the text", after.trimEnd() === before.trimEnd(), after);
  await keys("Control", "End");
  await type("\nMap vgg16 on nowhere { }");
  const again = await until(() => page.$(".squiggly-error"));
  check("the server still answers", Boolean(again));
  await picture("end");
}
