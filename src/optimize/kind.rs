//! Which search a `Search` is: over schedules in loops, over the execution methods of `dmazerunner`, or over the
//! parameters of a dataflow. The model and the name of the space say it.

use super::task::model_name;
use crate::diag::suggest::nearest;
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::hir::Word;
use crate::hir::search::{Named, Search};
use crate::{models, search};

/// The model that searches methods of its own.
pub const METHODS: &str = "dmazerunner";

/// The space that is evaluated whole, in [`super::closed`].
const CLOSED: &str = "deepopt";

/// What is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Loops,
    Methods,
    Parameters,
}

/// The models that a search may go by.
pub fn models() -> impl Iterator<Item = &'static str> {
    let names = models::REGISTRY.iter().map(|model| model.name());
    names.filter(|name| search::rule_of(name).is_some() || *name == METHODS)
}

/// The kind of a search; `None` when its model or its space is none that can be searched, which has been reported.
pub(super) fn of(search: &Search, sink: &mut Diagnostics) -> Option<Kind> {
    if let Some(word) = search.model.as_ref().filter(|word| !is_known(word)) {
        sink.push(unknown_model(word));
        return None;
    }
    let is_method = model_name(search) == METHODS;
    match &search.space.named {
        None if is_method && search.space.span.is_some() => {
            let refusal = Diagnostic::new(
                Code::E0601,
                "the model `dmazerunner` has execution methods and no loops to choose from",
            );
            let span = search.space.span.unwrap_or(search.span);
            sink.push(
                refusal
                    .at(span, "a space of loops")
                    .help("leave it out, or say which methods are meant: `space dmazerunner { filter: whole; reduction: in_time; }`"),
            );
            None
        }
        None if is_method => Some(Kind::Methods),
        None => Some(Kind::Loops),
        Some(Named::Model { name, .. }) if is_method && name.text == METHODS => Some(Kind::Methods),
        Some(Named::Model { name, .. }) => {
            sink.push(other_space(name));
            None
        }
        Some(Named::Dataflow { .. }) if is_method => {
            let refusal = Diagnostic::new(
                Code::E0601,
                "the model `dmazerunner` searches its own execution methods, not the parameters of a dataflow",
            );
            sink.push(refusal.at(search.span, "searched here"));
            None
        }
        Some(Named::Dataflow { .. }) => Some(Kind::Parameters),
    }
}

fn is_known(word: &Word) -> bool {
    models().any(|name| name == word.text)
}

fn other_space(name: &Word) -> Diagnostic {
    let text = &name.text;
    if text == METHODS {
        let refusal = Diagnostic::new(
            Code::E0601,
            "`dmazerunner` is the space of the model of that name",
        );
        return refusal
            .at(name.span, "searched by another model")
            .help("say `model: dmazerunner;`");
    }
    if text == CLOSED {
        let refusal = Diagnostic::new(
            Code::E0104,
            format!("the space `{text}` is evaluated whole and has no settings"),
        );
        return refusal
            .at(name.span, "with a block behind it")
            .help(format!("write `space {text};`"));
    }
    let unknown = Diagnostic::new(
        Code::E0201,
        format!("there is no dataflow and no space `{text}`"),
    )
    .at(name.span, "unknown space");
    match nearest(text, [METHODS, CLOSED]) {
        Some(near) => unknown.help(format!("did you mean `{near}`?")).fix(
            name.span,
            near.to_owned(),
            "use the known name",
        ),
        None => unknown,
    }
}

fn unknown_model(word: &Word) -> Diagnostic {
    let Word { text, span } = word;
    let known: Vec<&str> = models().collect();
    let diagnostic = if models::REGISTRY.iter().any(|model| model.name() == text) {
        Diagnostic::new(
            Code::E0601,
            format!("the model `{text}` has no bound for schedules in loops, so nothing can be searched by it"),
        )
        .at(*span, "no search by this model")
        .help("of a model with a space of its own a `Search` says so: `space deepopt;`")
    } else {
        Diagnostic::new(Code::E0201, format!("there is no cost model `{text}`"))
            .at(*span, "unknown model")
    };
    let diagnostic = diagnostic.note(format!("a search goes by {}", known.join(" or ")));
    match nearest(text, known.iter().copied()) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")).fix(
            *span,
            near.to_owned(),
            "use the known name",
        ),
        None => diagnostic,
    }
}
