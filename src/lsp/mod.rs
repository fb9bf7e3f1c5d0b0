//! The language server: what editors know of dflow.
//!
//! `lsp_server::Connection -> [server] -> [dispatch] -> [workspace] -> [analysis]`
//!
//! [`analysis`] answers questions about a text; it knows no protocol. [`workspace`] keeps the open documents and what
//! was found out about them. [`transport`] reads and writes messages, [`dispatch`] turns requests into questions and answers into messages, [`server`] takes
//! them, one after the other, in one thread.
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
mod transport;
mod workspace;

pub use server::{End, serve};

/// Serves an editor at the standard channels.
#[must_use]
pub fn stdio() -> End {
    let (connection, threads) = transport::stdio();
    let end = serve(connection);
    threads.join();
    end
}
