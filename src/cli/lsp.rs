//! `dflowc lsp`

use super::output::{Failure, Status};
use crate::lsp::{self, End};

/// Serves an editor until it says goodbye.
pub fn run() -> Result<Status, Failure> {
    Ok(match lsp::stdio() {
        End::Orderly => Status::Clean,
        End::Abrupt => Status::Errors,
    })
}
