//! The tables and figures of DeepOpt (Manasi and Sapatnekar, ASP-DAC 2021) beside the published values.
//!
//!     cargo run --release --example deepopt -- table1 | table3 | table4 | table5 | figure7 | figure9 | pruning | all [FOLDER]
//!
//! Networks and prices are those of the library (`std.networks.deepopt_*`, `std.technology.deepopt65`). With a folder, figures 7 and 9 are also
//! written there as SVG.

mod allocation;
mod figures;
mod library;
mod pruning;
mod schedules;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let what = arguments.next().unwrap_or_else(|| "all".to_owned());
    let folder = arguments.next();
    let library = match library::Library::load() {
        Ok(library) => library,
        Err(message) => {
            eprintln!("{message}");
            return ExitCode::FAILURE;
        }
    };
    let folder = folder.as_deref().map(Path::new);
    let all = what == "all";
    let mut known = all;
    let mut part = |name: &str, table: &dyn Fn() -> std::io::Result<String>| {
        if all || what == name {
            known = true;
            writeln!(std::io::stdout(), "{}", table()?)?;
        }
        Ok::<(), std::io::Error>(())
    };
    let result = (|| {
        part("table1", &|| Ok(schedules::table_1(&library)))?;
        part("table3", &|| Ok(schedules::table_3(&library)))?;
        part("table4", &|| Ok(allocation::table_4(&library)))?;
        part("table5", &|| Ok(allocation::table_5(&library)))?;
        part("figure7", &|| figures::figure_7(&library, folder))?;
        part("figure9", &|| figures::figure_9(&library, folder))?;
        // Walked block by block: some 15 s of one core, so only when asked for.
        if what == "pruning" {
            part("pruning", &|| Ok(pruning::table(&library)))?;
        }
        Ok::<(), std::io::Error>(())
    })();
    // Whoever reads may have seen enough: `| head`.
    if let Err(error) = result
        && error.kind() != std::io::ErrorKind::BrokenPipe
    {
        eprintln!("{error}");
        return ExitCode::FAILURE;
    }
    if !known {
        eprintln!(
            "no such part: {what}; table1, table3, table4, table5, figure7, figure9, pruning or all"
        );
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
