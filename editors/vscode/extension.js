// Starts `dflowc lsp` and keeps it in touch with the editor; everything the server can do comes through the client.

"use strict";

const vscode = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");

/** @type {LanguageClient | undefined} */
let client;

async function activate(context) {
  context.subscriptions.push(
    vscode.commands.registerCommand("dflow.restartServer", restart),
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
