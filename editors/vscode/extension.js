// Starts `dflowc lsp` and keeps it in touch with the editor; everything the server can do comes through the client.

"use strict";

const vscode = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");

/** @type {LanguageClient | undefined} */
let client;

/** Texts of reports by address. */
const reports = new Map();
const changed = new vscode.EventEmitter();

/** Shows the report of a map beside the text; without a place, that of the map under the cursor. */
async function showReport(uri, position) {
  const editor = vscode.window.activeTextEditor;
  const document = uri ?? editor?.document.uri.toString();
  const place = position ?? editor?.selection.active;
  if (!document || !place) {
    return;
  }
  try {
    const report = await vscode.commands.executeCommand("dflowc.report", document, {
      line: place.line,
      character: place.character,
    });
    const name = report.title.replace(/[^\w.-]+/g, " ").trim();
    const address = vscode.Uri.from({ scheme: "dflow-report", path: `/${name}.txt` });
    reports.set(address.toString(), report.text);
    changed.fire(address);
    const shown = await vscode.workspace.openTextDocument(address);
    await vscode.window.showTextDocument(shown, { viewColumn: vscode.ViewColumn.Beside, preview: true });
  } catch (error) {
    vscode.window.showInformationMessage(`dflow: ${error.message ?? error}`);
  }
}

async function activate(context) {
  context.subscriptions.push(
    vscode.commands.registerCommand("dflow.restartServer", restart),
    vscode.commands.registerCommand("dflow.showReport", showReport),
    vscode.workspace.registerTextDocumentContentProvider("dflow-report", {
      onDidChange: changed.event,
      provideTextDocumentContent: (uri) => reports.get(uri.toString()) ?? "",
    }),
    vscode.workspace.onDidChangeConfiguration((change) => {
      if (change.affectsConfiguration("dflow.server.path")) {
        return restart();
      }
    }),
  );
  await start();
}

async function deactivate() {
  await client?.stop();
}

async function restart() {
  const old = client;
  client = undefined;
  // A server that never started cannot stop either.
  await old?.stop().catch(() => {});
  await start();
}

async function start() {
  const command = vscode.workspace.getConfiguration("dflow").get("server.path") || "dflowc";
  // No `transport`: that means standard input and output too, without a `--stdio` behind the arguments.
  const server = { command, args: ["lsp"] };
  client = new LanguageClient("dflow", "dflow", server, {
    documentSelector: [{ language: "dflow" }],
    synchronize: { configurationSection: "dflow" },
    initializationOptions: { ...vscode.workspace.getConfiguration("dflow") },
  });
  try {
    await client.start();
  } catch (error) {
    client = undefined;
    const open = "Open settings";
    const choice = await vscode.window.showErrorMessage(
      `dflow: \`${command} lsp\` does not start (${error.message ?? error}). ` +
        "Install dflowc, or say where it is in `dflow.server.path`.",
      open,
    );
    if (choice === open) {
      await vscode.commands.executeCommand("workbench.action.openSettings", "dflow.server.path");
    }
  }
}

module.exports = { activate, deactivate };
