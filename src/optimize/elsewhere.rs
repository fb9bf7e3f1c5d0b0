//! A search of the program on other hardware and other layers than its own, without a limit in time.

use super::run::{Answered, Question, Work, one};
use super::written::{Library, is_beside};
use crate::cost::Technology;
use crate::diag::Diagnostics;
use crate::driver::Compiled;
use crate::hir::Accelerator;
use crate::hir::search::Search;
use std::sync::atomic::{AtomicBool, Ordering};

/// A search, made ready for many designs.
pub struct Elsewhere<'a> {
    compiled: &'a Compiled,
    search: &'a Search,
    library: Option<Library>,
}

impl<'a> Elsewhere<'a> {
    #[must_use]
    pub fn new(compiled: &'a Compiled, search: &'a Search) -> Elsewhere<'a> {
        Elsewhere {
            compiled,
            search,
            library: is_beside(search).then(Library::new),
        }
    }

    /// What the search finds for a layer of a network on an accelerator; `None`: nothing fits, or `stop` was set.
    ///
    /// # Errors
    /// Why the layer cannot be searched.
    pub fn best(
        &self,
        (network, layer): (usize, usize),
        accelerator: &Accelerator,
        technology: Option<&Technology>,
        stop: &AtomicBool,
    ) -> Result<Option<Answered>, Diagnostics> {
        let mut sink = Diagnostics::new();
        let Some(network) = self.compiled.program.networks.get(network) else {
            return Ok(None);
        };
        let question = Question {
            search: self.search,
            network,
            accelerator,
            technology,
        };
        let work = Work::of(self.compiled, &question, &[layer], &mut sink);
        let Some(work) = work.and_then(|work| work.into_iter().next()) else {
            return Err(sink);
        };
        let mut tell = |_: &_| !stop.load(Ordering::Relaxed);
        let library = self.library.as_ref();
        match one(
            self.compiled,
            &question,
            library,
            work,
            (None, None),
            &mut tell,
        ) {
            Some(Ok(found)) => Ok(found.answers.into_iter().next()),
            Some(Err(refusal)) => {
                sink.push(refusal);
                Err(sink)
            }
            None => Ok(None),
        }
    }
}
