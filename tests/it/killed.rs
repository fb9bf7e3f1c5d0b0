//! `fmt` that is killed at any moment costs no file.
//!
//! `DFLOW_KILLS=200 cargo test --release --test it killed` kills more often than every run does.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Files of the folder that is formatted.
const FILES: usize = 50;

fn kills() -> u64 {
    let wanted = std::env::var("DFLOW_KILLS").ok();
    wanted.and_then(|n| n.parse().ok()).unwrap_or(20)
}

/// Text that `fmt` changes, another one for every file, long enough to take a while.
fn unformatted(number: usize) -> String {
    let mut text = format!("Network   n{number}{{\n");
    for layer in 0..200 {
        text += &format!("Layer l{layer}{{Type:FC;\nDimensions{{N:{number},K:4,C:4}}}}\n");
    }
    text + "}\n"
}

fn fmt(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dflowc"));
    command
        .arg("fmt")
        .arg(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

#[test]
fn fmt_that_is_killed_leaves_every_file_whole() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("killed-fmt");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let files: Vec<(PathBuf, String, String)> = (0..FILES)
        .map(|number| {
            let old = unformatted(number + 1);
            let new = dflowc::format::format(&old).unwrap();
            assert_ne!(old, new);
            (folder.join(format!("f{number}.dflow")), old, new)
        })
        .collect();
    let write_old = || {
        for (path, old, _) in &files {
            std::fs::write(path, old).unwrap();
        }
    };
    // How long a whole run takes.
    write_old();
    let start = Instant::now();
    assert!(fmt(&folder).status().unwrap().success());
    let whole = start.elapsed();
    let mut random = 7u64;
    let (mut unfinished, mut begun) = (0, 0);
    for _ in 0..kills() {
        write_old();
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let part = (random >> 33) as f64 / f64::from(1u32 << 31);
        let mut child = fmt(&folder).spawn().unwrap();
        std::thread::sleep(Duration::from_secs_f64(whole.as_secs_f64() * part));
        // `kill` of the standard library is SIGKILL.
        let _ = child.kill();
        child.wait().unwrap();
        let mut new_ones = 0;
        for (path, old, new) in &files {
            let text = std::fs::read_to_string(path).unwrap();
            assert!(text == *old || text == *new, "{}: {text}", path.display());
            new_ones += usize::from(text == *new);
        }
        begun += usize::from(new_ones > 0);
        unfinished += usize::from(new_ones < FILES);
    }
    assert!(
        begun > 0 && unfinished > 0,
        "{begun} begun, {unfinished} not finished"
    );
    // The next run does the rest.
    assert!(fmt(&folder).status().unwrap().success());
    for (path, _, new) in &files {
        assert_eq!(std::fs::read_to_string(path).unwrap(), *new);
    }
    let shown = std::fs::read_dir(&folder).unwrap().filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        !name.to_string_lossy().starts_with('.')
    });
    assert_eq!(shown.count(), FILES);
}
