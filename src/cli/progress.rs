//! A line of progress for work that takes longer than a second, on a terminal only.

use crate::explore::Part;
use crate::optimize::{Observer, Step};
use crate::search;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Short work must not flicker.
const PATIENCE: Duration = Duration::from_secs(1);

pub struct Progress {
    started: Instant,
    enabled: bool,
    bar: Option<ProgressBar>,
}

impl Progress {
    pub fn new() -> Progress {
        Progress {
            started: Instant::now(),
            enabled: std::io::stderr().is_terminal(),
            bar: None,
        }
    }

    /// `done` of `total` layers are evaluated, `what` is next.
    pub fn step(&mut self, done: usize, total: usize, what: &str) {
        self.of("layers", done, total, what);
    }

    /// `done` of `total` things of that name.
    fn of(&mut self, things: &str, done: usize, total: usize, what: &str) {
        if !self.enabled || self.started.elapsed() < PATIENCE {
            return;
        }
        let bar = self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            let form = format!("{{pos}}/{{len}} {things} {{wide_bar}} {{msg}}");
            if let Ok(style) = ProgressStyle::with_template(&form) {
                bar.set_style(style);
            }
            bar
        });
        bar.set_length(total as u64);
        bar.set_position(done as u64);
        bar.set_message(what.to_owned());
    }
}

/// How often the line of a search is drawn anew.
const FRAME: Duration = Duration::from_millis(200);

/// Ctrl-C was pressed. A signal is of the whole process.
static STOPPED: AtomicBool = AtomicBool::new(false);

/// There is one handler for all work of a run; without one Ctrl-C ends the program as ever.
fn handle_interrupts() {
    let _ = ctrlc::set_handler(|| {
        if STOPPED.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    });
}

/// A line for the search that runs, and the way to stop it: the first Ctrl-C ends the search, the second the program.
pub struct Searching {
    progress: Progress,
    drawn: Instant,
    began: Instant,
    layer: String,
}

impl Searching {
    pub fn new() -> Searching {
        handle_interrupts();
        Searching {
            progress: Progress::new(),
            drawn: Instant::now(),
            began: Instant::now(),
            layer: String::new(),
        }
    }

    /// Takes the line away; whether somebody stopped it.
    pub fn finish(self) -> bool {
        STOPPED.load(Ordering::Relaxed)
    }
}

/// A line for the exploration that runs, and the way to stop it.
pub struct Exploring {
    progress: Progress,
    done: usize,
    pieces: usize,
    designs: u64,
    share: f64,
    seen: u64,
}

impl Exploring {
    /// So many of `total` pieces are to be done, of `designs` in all.
    pub fn new(pieces: usize, designs: u64, total: u64) -> Exploring {
        handle_interrupts();
        Exploring {
            progress: Progress::new(),
            done: 0,
            pieces,
            designs,
            share: pieces as f64 / total.max(1) as f64,
            seen: 0,
        }
    }

    /// What ends the exploration when it is set.
    pub fn stop() -> &'static AtomicBool {
        &STOPPED
    }

    /// A piece is finished.
    pub fn piece(&mut self, part: &Part) {
        self.done += 1;
        self.seen += part.counts.evaluated + part.counts.pruned();
        let seconds = self.progress.started.elapsed().as_secs_f64().max(1e-3);
        let what = format!(
            "{} of about {:.0} designs, {:.3e} evaluated or left out per second",
            self.seen,
            self.designs as f64 * self.share,
            self.seen as f64 / seconds
        );
        self.progress.of("pieces", self.done, self.pieces, &what);
    }

    /// Takes the line away.
    pub fn finish(self) {}
}

impl Observer for Searching {
    fn begin(&mut self, next: &Step<'_>) -> bool {
        self.layer = format!("{}/{} {}", next.done + 1, next.total, next.layer);
        self.began = Instant::now();
        !STOPPED.load(Ordering::Relaxed)
    }

    fn stop(&self) -> Option<&'static AtomicBool> {
        Some(&STOPPED)
    }

    fn progress(&mut self, now: &search::Progress) -> bool {
        let progress = &mut self.progress;
        let due = self.drawn.elapsed() >= FRAME;
        if due && progress.enabled && progress.started.elapsed() >= PATIENCE {
            self.drawn = Instant::now();
            let bar = progress.bar.get_or_insert_with(|| {
                let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
                if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
                    bar.set_style(style);
                }
                bar
            });
            let seconds = self.began.elapsed().as_secs_f64().max(1e-3);
            let rate = now.formed as f64 / seconds;
            let best = now
                .best
                .map_or_else(|| "none yet".to_owned(), |best| format!("{best:.4e}"));
            let gap = match now.best {
                Some(best) if best > 0.0 => {
                    format!("{:.2} %", (1.0 - now.lower_bound / best).max(0.0) * 100.0)
                }
                _ => "-".to_owned(),
            };
            bar.set_message(format!(
                "{}: {rate:.2e} formed/s, {} counted, {} cut off, {} open; best {best}, bound {:.4e}, gap {gap}",
                self.layer, now.evaluated, now.pruned, now.open, now.lower_bound
            ));
            bar.tick();
        }
        !STOPPED.load(Ordering::Relaxed)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
