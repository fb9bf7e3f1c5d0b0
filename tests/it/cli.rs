//! The command line: exit codes, channels, help.

use std::io::Read;
use std::process::{Command, Output, Stdio};

fn dflowc(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dflowc"))
        .args(arguments)
        .env_remove("NO_COLOR")
        .output()
        .unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn help_and_version_are_clean() {
    for arguments in [&["--help"][..], &["eval", "--help"], &["--version"]] {
        let output = dflowc(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(!output.stdout.is_empty());
    }
    assert!(stdout(&dflowc(&["eval", "--help"])).contains("Examples:"));
}

#[test]
fn wrong_usage_is_two() {
    for arguments in [
        &[][..],
        &["evaluate"],
        &["check"],
        &["eval", "f.dflow", "--report", "xml"],
        &["explain", "E9999"],
        &["check", "no/such/file.dflow"],
        &["eval", "no/such/file.dflow"],
    ] {
        let output = dflowc(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        assert!(!output.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn explain_lists_and_explains() {
    let list = stdout(&dflowc(&["explain"]));
    assert!(list.contains("E0402  computation not covered\n"));
    let page = dflowc(&["explain", "e0402"]);
    assert_eq!(page.status.code(), Some(0));
    assert!(stdout(&page).contains("E0402"));
}

#[test]
fn completions_name_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let script = stdout(&dflowc(&["completions", shell]));
        for command in ["check", "eval", "explain", "emit", "oracle"] {
            assert!(script.contains(command), "{shell}: {command}");
        }
    }
}

#[test]
fn a_closed_pipe_is_no_panic() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_dflowc"))
        .args(["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut text = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(text, "");
}

#[test]
fn failures_follow_the_message_format() {
    let output = dflowc(&["check", "--message-format", "json", "no/such/file.dflow"]);
    assert_eq!(output.status.code(), Some(2));
    let text = stderr(&output) + &stdout(&output);
    assert!(
        serde_json::from_str::<serde_json::Value>(&text).is_ok(),
        "{text}"
    );
}
