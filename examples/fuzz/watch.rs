//! What takes too long, or too much memory, cannot be ended from inside: a thread looks, writes the input down, and
//! ends the process.

use crate::memory;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// A stage may take this long on a machine that does much else; on one that does not it takes a tenth.
const MOST_TIME: Duration = Duration::from_secs(20);
/// And this much memory.
const MOST_BYTES: usize = 1 << 30;

struct Stage {
    name: &'static str,
    began: Instant,
    processor: Duration,
    bytes: usize,
    text: String,
}

static STAGE: Mutex<Option<Stage>> = Mutex::new(None);

/// Looks at what goes on from now on.
pub fn start(folder: PathBuf) {
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(Duration::from_millis(50));
            let stage = STAGE
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            if let Some(stage) = stage.as_ref() {
                look(stage, &folder);
            }
        }
    });
}

fn look(stage: &Stage, folder: &Path) {
    // Processor time, where the system tells it: other work on the machine is no finding.
    let took = match processor() {
        Some(now) => now.saturating_sub(stage.processor) * 2,
        None => stage.began.elapsed(),
    };
    let bytes = memory::most().saturating_sub(stage.bytes);
    let wrong = if took > MOST_TIME {
        format!("takes more than {} s", took.as_secs() / 2)
    } else if bytes > MOST_BYTES {
        format!("takes {} MiB", bytes >> 20)
    } else {
        return;
    };
    let path = folder.join("hang.dflow");
    let _ = std::fs::create_dir_all(folder);
    let _ = std::fs::write(&path, &stage.text);
    eprintln!("{}: {} {wrong}", path.display(), stage.name);
    std::process::exit(3);
}

/// Processor time of the process so far; `None` where nobody tells.
fn processor() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    // After the name in parentheses: state, ten numbers, then the ticks in the program and in the system.
    let rest = text.rsplit_once(')')?.1;
    let mut fields = rest.split_whitespace().skip(11);
    let ticks: u64 = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
    Some(Duration::from_millis(ticks * 10))
}

/// Does `work`, which is looked at meanwhile.
pub fn watched<R>(name: &'static str, text: &str, work: impl FnOnce() -> R) -> R {
    let stage = Stage {
        name,
        began: Instant::now(),
        processor: processor().unwrap_or_default(),
        bytes: memory::begin(),
        text: text.to_owned(),
    };
    let put = |stage| {
        *STAGE
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = stage
    };
    put(Some(stage));
    let result = work();
    put(None);
    result
}
