//! The arguments.

use crate::models;
use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Compiler and interpreter of dflow: exact cost reports for DNN accelerator dataflows, or an error that points
/// at the mistake.
#[derive(Debug, Parser)]
#[command(
    name = "dflowc",
    version,
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "\
Examples:
  dflowc check design.dflow             find every mistake, print no costs
  dflowc eval design.dflow --report     a table per network, with totals
  dflowc explain E0402                  what a code means, with examples
  dflowc fmt design.dflow               lay the text out anew, in place

Exit codes: 0 clean, 1 errors in the input, 2 wrong usage or unreadable files."
)]
pub struct Arguments {
    #[command(flatten)]
    pub shared: Shared,
    #[command(subcommand)]
    pub command: Command,
}

/// What every command understands.
#[derive(Args, Debug)]
pub struct Shared {
    /// Colour in messages; auto respects NO_COLOR
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = ColorChoice::Auto, global = true)]
    pub color: ColorChoice,

    /// Form of diagnostics
    #[arg(long, value_enum, value_name = "FORM", default_value_t = MessageFormat::Text, global = true)]
    pub message_format: MessageFormat,

    /// Treat warnings as errors: `-D warnings`
    #[arg(short = 'D', value_enum, value_name = "LINT", global = true)]
    pub deny: Vec<Deny>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// When the messages go to a terminal
    Auto,
    Always,
    Never,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum MessageFormat {
    /// For people, with the source
    Text,
    /// One line each: `file:line:column: error[CODE]: message`
    Short,
    /// One JSON object per file, one per line
    Json,
    /// Commands of GitHub Actions
    Github,
    /// One SARIF 2.1.0 log of the whole run
    Sarif,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Deny {
    /// Every warning
    Warnings,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Check(Check),
    Eval(Eval),
    Compare(Compare),
    Explain(Explain),
    Emit(Emit),
    Fmt(Fmt),
    Import(Import),
    List(List),
    Oracle(Oracle),
    Explore(Explore),
    Merge(Merge),
    Search(Search),
    Trace(Trace),
    Verify(Verify),
    #[cfg(feature = "lsp")]
    Lsp(Lsp),
    /// Print the manual page
    #[command(after_help = "\
Example:
  dflowc man > ~/.local/share/man/man1/dflowc.1")]
    Man,
    /// Print a completion script for a shell
    #[command(after_help = "\
Example:
  dflowc completions bash > ~/.local/share/bash-completion/completions/dflowc")]
    Completions {
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
}

/// Find every mistake in files, without costs
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  dflowc check design.dflow
  dflowc check -D warnings networks/*.dflow
  dflowc check --set rows=64 design.dflow       with another constant or default
  dflowc check --message-format short designs   one line each, for all files of a folder
  dflowc check --fix design.dflow               apply the edits that mend mistakes")]
pub struct Check {
    /// Files, or folders of them; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,

    /// Apply the edits that are offered to the files that are named, each only if it leaves fewer mistakes
    #[arg(long)]
    pub fix: bool,

    #[command(flatten)]
    pub settings: Settings,

    #[command(flatten)]
    pub mapping: Mapping,
}

/// Evaluate every map of a file and report counts, cycles, energy and area
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  dflowc eval design.dflow                      a table per network
  dflowc eval design.dflow --layer conv1_1      one layer in detail
  dflowc eval design.dflow --map baseline --set S=1
  dflowc eval design.dflow --map 'vgg16 on eyeriss' --report json -o out.json
  dflowc eval designs --report csv              every file of a folder that has maps
  dflowc eval design.dflow --chart energy -o energy.svg     a bar per layer and dataflow")]
pub struct Eval {
    /// Files, or folders of them; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,

    #[command(flatten)]
    pub selection: Selection,

    /// Cost model
    #[arg(long, value_parser = model_names(), default_value = models::DEFAULT.name())]
    pub model: String,

    /// Form of the report
    #[arg(
        long,
        value_enum,
        value_name = "FORM",
        num_args = 0..=1,
        default_value = "text",
        default_missing_value = "text"
    )]
    pub report: ReportFormat,

    /// Draw a figure of every layer under every map as bars (SVG) instead of the report: `cycles`, `energy`, or one that
    /// only the model has, such as `roofline`
    #[arg(long, value_name = "FIGURE", conflicts_with_all = ["report", "detail"])]
    pub chart: Option<String>,

    /// Break every layer down by memory, tensor and boundary (text)
    #[arg(long)]
    pub detail: bool,

    /// Write the report to a file instead of standard output
    #[arg(short, long, value_name = "OUT")]
    pub output: Option<PathBuf>,

    /// Evaluate the layers without errors although others have some
    #[arg(long)]
    pub keep_going: bool,

    #[command(flatten)]
    pub mapping: Mapping,
}

/// Show what differs between two maps of a file, between two reports, or between a map and what was measured
#[derive(Args, Debug)]
#[command(after_help = "\
The largest change comes first. Equal sides print nothing. Exit code 1 when a figure of a layer or of all changed by more
than `--fail-over`, up or down.

Examples:
  dflowc compare design.dflow --maps baseline,wide
  dflowc compare before.json after.json --fail-over 2%     two reports of `eval --report json`
  dflowc compare chip.dflow --map alexnet --measured measured.csv     error per layer; columns layer,value,unit,source")]
pub struct Compare {
    /// A program, or two reports in JSON
    #[arg(required = true, num_args = 1..=2, value_name = "FILE")]
    pub files: Vec<PathBuf>,

    /// Two maps of the program
    #[arg(long, value_name = "A,B")]
    pub maps: Option<String>,

    /// Measured figures to hold the program to: a CSV file with the columns layer,value,unit,source
    #[arg(long, value_name = "MEASURED.csv", conflicts_with = "maps")]
    pub measured: Option<PathBuf>,

    /// With `--measured`: the map that is held to them, where there are several
    #[arg(long, value_name = "MAP", requires = "measured")]
    pub map: Option<String>,

    /// Fail when something changed by more than this: `2%`
    #[arg(long, value_name = "SHARE")]
    pub fail_over: Option<String>,

    /// Form of the comparison
    #[arg(long, value_enum, value_name = "FORM", default_value_t = ReportFormat::Text)]
    pub report: ReportFormat,

    /// Write the comparison to a file instead of standard output
    #[arg(short, long, value_name = "OUT")]
    pub output: Option<PathBuf>,

    #[command(flatten)]
    pub settings: Settings,

    #[command(flatten)]
    pub mapping: Mapping,
}

/// Print the page of a code, or the list of all codes
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  dflowc explain E0402
  dflowc explain            all codes with their titles")]
pub struct Explain {
    /// Such as E0402
    #[arg(value_name = "CODE")]
    pub code: Option<String>,
}

/// Print what the compiler sees
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  dflowc emit design.dflow --stage ir
  dflowc emit design.dflow --stage tree")]
pub struct Emit {
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    #[arg(long, value_enum, default_value_t = Stage::Ir)]
    pub stage: Stage,

    #[command(flatten)]
    pub selection: Selection,

    #[command(flatten)]
    pub mapping: Mapping,
}

/// Lay out files in the style of the language; the program and its comments stay the same
#[derive(Args, Debug)]
#[command(after_help = "\
Lines have at most 120 characters. A file that does not parse is left alone.

Examples:
  dflowc fmt design.dflow               rewrite the file
  dflowc fmt --check networks           show what would change; exit code 1 if anything would
  dflowc fmt - < design.dflow           from standard input to standard output")]
pub struct Fmt {
    /// Files to rewrite, or folders of them; `-` is standard input, written to standard output
    #[arg(required_unless_present = "stdin", value_name = "FILE")]
    pub files: Vec<PathBuf>,

    /// Change nothing; show what would change
    #[arg(long)]
    pub check: bool,

    /// Read standard input, write standard output (like the file `-`)
    #[arg(long, conflicts_with = "files")]
    pub stdin: bool,
}

/// Write a file of the MAESTRO tool in dflow: each distinct list of directives once, with a name
#[derive(Args, Debug)]
#[command(after_help = "\
`check`, `eval` and the language server take such files as they are. What the tool would have counted otherwise is a warning.

Examples:
  dflowc import vgg16.m --hw hw.m -o vgg16.dflow
  dflowc eval vgg16.m --hw hw.m                  without writing anything")]
pub struct Import {
    /// A file that ends with `.m`
    #[arg(value_name = "FILE.m")]
    pub file: PathBuf,

    /// Its hardware: a flat list such as `num_pes: 256`
    #[arg(long, value_name = "HW.m")]
    pub hw: Option<PathBuf>,

    /// Write to a file instead of standard output
    #[arg(short, long, value_name = "OUT.dflow")]
    pub output: Option<PathBuf>,
}

/// List what the embedded library has: networks, accelerators, dataflows and technologies with their parameters
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  dflowc list
  dflowc list networks
  dflowc list networks.llama3_8b       what the file says of itself")]
pub struct List {
    /// A part of the library, or one file of it
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
}

/// Run the naive interpreter, step by step and element by element (small layers)
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  dflowc oracle small.dflow
  dflowc oracle small.dflow --compare     run the engine too and show every difference")]
pub struct Oracle {
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    #[command(flatten)]
    pub selection: Selection,

    /// Compare with the engine; exit code 1 when they differ
    #[arg(long)]
    pub compare: bool,

    /// Refuse layers of more operations than this
    #[arg(long, value_name = "OPERATIONS", default_value_t = 4_000_000)]
    pub limit: u64,

    #[command(flatten)]
    pub mapping: Mapping,
}

/// Show step by step what every memory holds, what arrived from where, and what left
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  dflowc trace small.dflow --layer conv1                 the first eight steps
  dflowc trace small.dflow --layer conv1 --steps 8..15
  dflowc trace small.dflow --layer conv1 --report svg -o conv1.svg")]
pub struct Trace {
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    #[command(flatten)]
    pub selection: Selection,

    /// Steps to show: `A..B` with both ends, or one number; the first eight when nothing is said
    #[arg(long, value_name = "A..B")]
    pub steps: Option<String>,

    /// Form of the trace
    #[arg(long, value_enum, default_value_t = TraceFormat::Text)]
    pub report: TraceFormat,

    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// Refuse layers of more operations than this
    #[arg(long, value_name = "OPERATIONS", default_value_t = 4_000_000)]
    pub limit: u64,

    #[command(flatten)]
    pub mapping: Mapping,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TraceFormat {
    /// A block per step
    Text,
    /// Every element, by its indices
    Json,
    /// A picture: a row per instance, a column per step, a colour per tensor
    Svg,
}

/// Search the best schedules that the Searches of a file ask for, each with a proof or the gap that is left
#[derive(Args, Debug)]
#[command(after_help = "\
A search that is stopped, by its budget or by Ctrl-C, reports the best so far with its gap; exit code 0. A space without a
legal schedule says what excludes all of them; exit code 1.

Examples:
  dflowc search design.dflow
  dflowc search design.dflow --search best --budget 10s
  dflowc search design.dflow --emit found.dflow && dflowc eval found.dflow")]
pub struct Search {
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// Only the search of this name
    #[arg(long, value_name = "NAME")]
    pub search: Option<String>,

    /// At most this long for each search, in place of its `budget`: `10s`, `500ms`, `2min`
    #[arg(long, value_name = "TIME")]
    pub budget: Option<String>,

    /// Form of the report
    #[arg(long, visible_alias = "report", value_enum, value_name = "FORM", default_value_t = ReportFormat::Text)]
    pub format: ReportFormat,

    /// Write the report to a file instead of standard output
    #[arg(short, long, value_name = "OUT")]
    pub output: Option<PathBuf>,

    /// Write a program whose Map has what was found
    #[arg(long, value_name = "OUT.dflow")]
    pub emit: Option<PathBuf>,

    /// Write what proves the answers, for `dflowc verify`
    #[arg(long, value_name = "OUT.json")]
    pub certificate: Option<PathBuf>,

    /// Of searches over the space `deepopt`: walk every layer of at most ROWS rows of results under all 24 orders of its
    /// loops, and count them by the exact engine; says where one that the model leaves out beats its five schedules
    #[arg(long, value_name = "ROWS", num_args = 0..=1, require_equals = true, default_missing_value = PRUNING_ROWS)]
    pub verify_pruning: Option<u64>,

    /// Say how long each search took (JSON); otherwise equal inputs give equal bytes
    #[arg(long)]
    pub timings: bool,

    #[command(flatten)]
    pub settings: Settings,
}

/// Rows of results up to which layers are walked when nobody says ([`MOST_ROWS`](crate::optimize::MOST_ROWS)).
const PRUNING_ROWS: &str = "60";

/// Evaluate the designs that the Explores of a file sweep over, and report the best of them
#[derive(Args, Debug)]
#[command(after_help = "\
With a journal, a run that was stopped or killed goes on where it was: the report has the same bytes as that of one run.
Machines that share nothing take a shard each, with a journal of their own; `dflowc merge` joins those.

Examples:
  dflowc explore design.dflow
  dflowc explore design.dflow --explore sizes --journal sizes.journal
  dflowc explore design.dflow --journal first.journal --shard 1/2
  dflowc explore design.dflow --svg designs.svg             area and buffers against throughput")]
pub struct Explore {
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// Only the exploration of this name
    #[arg(long, value_name = "NAME")]
    pub explore: Option<String>,

    /// Keep every finished piece in this file, and go on with what is in it
    #[arg(long, value_name = "FILE")]
    pub journal: Option<PathBuf>,

    /// Only this part of the designs: `1/4`, ... `4/4`
    #[arg(long, value_name = "I/N")]
    pub shard: Option<String>,

    /// Draw the designs within the budget: area and buffers against throughput, the best ones marked
    #[arg(long, value_name = "OUT.svg")]
    pub svg: Option<PathBuf>,

    /// Threads; without it as many as there are cores
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(usize))]
    pub threads: Option<usize>,

    /// Form of the report
    #[arg(long, visible_alias = "report", value_enum, value_name = "FORM", default_value_t = ReportFormat::Text)]
    pub format: ReportFormat,

    /// Write the report to a file instead of standard output
    #[arg(short, long, value_name = "OUT")]
    pub output: Option<PathBuf>,

    #[command(flatten)]
    pub settings: Settings,
}

/// Join journals of one exploration, in any order
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  dflowc merge first.journal second.journal -o whole.journal
  dflowc explore design.dflow --journal whole.journal")]
pub struct Merge {
    #[arg(required = true, value_name = "JOURNAL")]
    pub journals: Vec<PathBuf>,

    /// Write the journal to a file instead of standard output
    #[arg(short, long, value_name = "OUT")]
    pub output: Option<PathBuf>,
}

/// Check what `search --certificate` wrote: every bound and count is computed again, small spaces are enumerated
#[derive(Args, Debug)]
#[command(after_help = "\
Exit code 1 when the certificate does not prove what it says.

Example:
  dflowc search design.dflow --certificate proof.json && dflowc verify proof.json")]
pub struct Verify {
    #[arg(value_name = "CERT.json")]
    pub file: PathBuf,

    /// The program that was searched, if it is not where the certificate says
    #[arg(long, value_name = "FILE")]
    pub program: Option<PathBuf>,

    /// Enumerate spaces of at most this many schedules
    #[arg(long, value_name = "SCHEDULES", default_value_t = 1_000_000)]
    pub enumerate: u64,
}

#[cfg(feature = "lsp")]
/// Serve an editor: diagnostics and fixes while typing, costs beside the text, hover, completion, rename
#[derive(Args, Debug)]
#[command(after_help = "\
The editor starts it and speaks the language server protocol over standard input and output; see editors/.

Example (Neovim):
  vim.lsp.start({ name = 'dflowc', cmd = { 'dflowc', 'lsp' }, root_dir = vim.fn.getcwd() })")]
pub struct Lsp {
    /// Accepted because editors pass it; it is the only way
    #[arg(long)]
    pub stdio: bool,
}

/// Which part of a file.
#[derive(Args, Clone, Debug, Default)]
pub struct Selection {
    /// Only this map: its name (`NETWORK on ACCELERATOR` when it has none), or its network or accelerator
    #[arg(long, value_name = "MAP")]
    pub map: Option<String>,

    /// Only this layer, in detail
    #[arg(long, value_name = "LAYER")]
    pub layer: Option<String>,

    #[command(flatten)]
    pub settings: Settings,
}

/// Values that come before those of the file.
#[derive(Args, Clone, Debug, Default)]
pub struct Settings {
    /// Give a constant, or the default of a parameter, another value: `T=8`, `npu.rows=64`, `sram=16MiB`; repeatable
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub set: Vec<String>,

    /// The hardware of a MAESTRO file: a flat list such as `num_pes: 256`
    #[arg(long, value_name = "HW.m")]
    pub hw: Option<PathBuf>,
}

/// How mappings are judged.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct Mapping {
    /// A window larger than its dimension maps the whole dimension, with a warning, instead of being an error
    #[arg(long)]
    pub clip: bool,
}

/// The names of the models, and of all of them.
fn model_names() -> PossibleValuesParser {
    let models = models::known();
    let models = models.map(|model| PossibleValue::new(model.name()).help(model.summary()));
    let all = PossibleValue::new(models::ALL).help("Every model that applies");
    PossibleValuesParser::new(models.chain([all]))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// Tables for people
    Text,
    /// `dflow.report/1`
    Json,
    /// One row per layer
    Csv,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Stage {
    /// The lexer's tokens with their places
    Tokens,
    /// The syntax tree
    Ast,
    /// Resolved and typed definitions
    Hir,
    /// The mapping of every layer and the sets of every fused group
    Ir,
    /// The loops of every fused group with the buffers at their places
    Tree,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_consistent() {
        Arguments::command().debug_assert();
    }

    fn eval(arguments: &[&str]) -> Option<Eval> {
        let all = ["dflowc", "eval"].iter().chain(arguments);
        match Arguments::try_parse_from(all).ok()?.command {
            Command::Eval(eval) => Some(eval),
            _ => None,
        }
    }

    #[test]
    fn report_has_a_default_with_and_without_value() {
        let form = |arguments: &[&str]| eval(arguments).map(|eval| eval.report);
        assert_eq!(form(&["f.dflow"]), Some(ReportFormat::Text));
        assert_eq!(form(&["f.dflow", "--report"]), Some(ReportFormat::Text));
        assert_eq!(
            form(&["f.dflow", "--report", "json"]),
            Some(ReportFormat::Json)
        );
        assert_eq!(form(&["f.dflow", "--report=csv"]), Some(ReportFormat::Csv));
        assert_eq!(form(&["f.dflow", "--report", "xml"]), None);
    }

    /// `toy` is one folder of `models` and one line of its registry.
    #[test]
    fn models_are_those_of_the_registry() {
        let model = |name: &str| eval(&["f.dflow", "--model", name]).map(|eval| eval.model);
        for known in ["exact", "maestro", "toy", "all"] {
            assert_eq!(model(known).as_deref(), Some(known));
        }
        assert_eq!(model("exakt"), None);
        assert_eq!(eval(&["f.dflow"]).unwrap().model, "exact");
        let mut command = Arguments::command();
        let eval = command.find_subcommand_mut("eval").unwrap();
        let help = eval.render_long_help().to_string();
        assert!(help.contains("- toy:"), "{help}");
    }

    #[test]
    fn the_rows_that_are_walked_are_those_of_the_library() {
        assert_eq!(PRUNING_ROWS, crate::optimize::MOST_ROWS.to_string());
    }

    #[test]
    fn shared_options_stand_anywhere() {
        let all = [
            "dflowc", "check", "a.dflow", "-D", "warnings", "--color", "never",
        ];
        let arguments = Arguments::try_parse_from(all).unwrap();
        assert_eq!(arguments.shared.deny, [Deny::Warnings]);
        assert_eq!(arguments.shared.color, ColorChoice::Never);
    }
}
