//! Tells Zed how to start the language server of dflow.

use zed_extension_api as zed;

struct Dflow;

impl zed::Extension for Dflow {
    fn new() -> Self {
        Dflow
    }

    fn language_server_command(
        &mut self,
        _server: &zed::LanguageServerId,
        worktree: &zed::Worktree,
    ) -> zed::Result<zed::Command> {
        let command = worktree
            .which("dflowc")
            .ok_or("`dflowc` is not on the PATH; `cargo install --path .` in its repository puts it there")?;
        Ok(zed::Command {
            command,
            args: vec!["lsp".to_owned()],
            env: worktree.shell_env(),
        })
    }
}

zed::register_extension!(Dflow);
