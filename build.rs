//! Generates the parser from the one grammar file.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=grammar/dflow.lalrpop");
    lalrpop::Configuration::new()
        .set_out_dir(std::env::var("OUT_DIR")?)
        .process_file("grammar/dflow.lalrpop")
}
