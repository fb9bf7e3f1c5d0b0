//! The language server: what editors know of dflow.
//!
//! `lsp_server::Connection -> [server] -> [dispatch] -> [workspace] -> [analysis]`
//!
//! [`analysis`] answers questions about a text; it knows no protocol. [`workspace`] keeps the open documents and what
//! was found out about them. [`dispatch`] turns requests into questions and answers into messages, [`server`] reads
//! and writes them, one after the other, in one thread.
//!
//! Invariants: a broken or huge file never ends the server; a request is answered in the order of arrival, with the
//! text as it was then; typing never queues work, because changes are taken in before anything is computed.

pub mod analysis;
pub mod library;
pub mod text;
pub mod uri;

mod capabilities;
mod convert;
mod dispatch;
mod publish;
mod server;
mod workspace;

pub use server::{End, serve};

/// Serves an editor at the standard channels.
#[must_use]
pub fn stdio() -> End {
    let (connection, threads) = lsp_server::Connection::stdio();
    let end = serve(connection);
    // Both are at their end: the reader has seen `exit` or the end of the input, the writer has no sender any more.
    let _ = threads.join();
    end
}
