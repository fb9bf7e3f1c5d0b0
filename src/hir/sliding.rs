//! The layer types that move a window: strides, dilations, paddings, and both extents of an axis.

use super::body::block;
use super::error::HirError;
use super::layer::{Sizes, named};
use super::layer_type::Slides;
use super::scope::Context;
use super::shape::{Slide, SlideError, SlideParameters};
use crate::syntax::ast::{self, Body};

/// Rows and columns of a layer whose type slides.
pub(super) fn sliding(
    cx: &mut Context<'_>,
    sizes: &Sizes<'_>,
    slides: Slides,
) -> Option<[Slide; 2]> {
    let body = &sizes.layer.body;
    let stride = pair(cx, body, "Stride", ["Y", "X"]);
    let dilation = pair(cx, body, "Dilation", ["R", "S"]);
    let padding = paddings(cx, body);
    let (r, s) = (sizes.need(cx, "R"), sizes.need(cx, "S"));
    let (stride, dilation, padding) = (stride?, dilation?, padding?);
    let parameters = |axis: usize, kernel: u64| SlideParameters {
        kernel,
        stride: stride[axis],
        dilation: dilation[axis],
        pad_low: padding[axis].0,
        pad_high: padding[axis].1,
    };
    let transposed = slides == Slides::OverOutput;
    let rows = r.and_then(|r| slide(cx, sizes, parameters(0, r), ["Y", "Y'", "P"], transposed));
    let columns = s.and_then(|s| slide(cx, sizes, parameters(1, s), ["X", "X'", "Q"], transposed));
    Some([rows?, columns?])
}

/// One sliding axis; `names` are the input extent and the two spellings of the output extent.
fn slide(
    cx: &mut Context<'_>,
    sizes: &Sizes<'_>,
    parameters: SlideParameters,
    names: [&'static str; 3],
    transposed: bool,
) -> Option<Slide> {
    let [input_name, ..] = names;
    let input = sizes.get(input_name);
    let output = if transposed {
        None
    } else {
        sizes
            .get(names[1])
            .map(|value| (names[1], value))
            .or_else(|| sizes.get(names[2]).map(|value| (names[2], value)))
    };
    if let (Some((first, span)), Some((second, other))) = (sizes.get(names[1]), sizes.get(names[2]))
        && first != second
    {
        cx.error(HirError::ExtentsDisagree {
            input: names[1],
            output: names[2],
            declared: second,
            derived: first,
            span: span.join(other),
        });
        return None;
    }
    let (slide, span) = match (input, output) {
        (Some((input, span)), None) if transposed => (parameters.transposed(input), span),
        (Some((input, span)), None) => (parameters.from_input(input), span),
        (None, Some((_, (output, span)))) => (parameters.from_output(output), span),
        (Some((input, _)), Some((_, (output, span)))) => {
            (parameters.from_both(input, output), span)
        }
        (None, None) => {
            // A wrong `Y'` is no missing `Y`.
            if names.iter().all(|name| !sizes.wrong.contains(name)) {
                sizes.missing(cx, input_name);
            }
            return None;
        }
    };
    let error = match slide {
        Ok(slide) => return Some(slide),
        Err(error) => error,
    };
    cx.error(match error {
        SlideError::KernelTooLarge { span: rows, padded } => HirError::KernelTooLarge {
            axis: input_name,
            span_rows: rows,
            padded,
            span,
        },
        SlideError::NoInput => HirError::NotPositive {
            what: format!("the input extent `{input_name}` that follows"),
            value: "all padding".to_owned(),
            span,
        },
        SlideError::NoOutput => HirError::NotPositive {
            what: "the output extent".to_owned(),
            value: "cropped to nothing by the padding".to_owned(),
            span,
        },
        SlideError::Disagree {
            declared_output,
            derived_output,
        } => HirError::ExtentsDisagree {
            input: input_name,
            output: output.map_or(names[1], |output| output.0),
            declared: declared_output,
            derived: derived_output,
            span,
        },
        SlideError::Overflow => HirError::Overflow { span },
    });
    None
}

/// Two sizes of a block such as `Stride { Y: 2, X: 2 }`, 1 when absent.
fn pair(cx: &mut Context<'_>, body: &Body, kind: &str, names: [&str; 2]) -> Option<[u64; 2]> {
    let mut pair = [Some(1), Some(1)];
    if let Some(block) = block(body, kind) {
        named(
            cx,
            &block.body,
            &format!("`{kind}`"),
            &names,
            |cx, name, expr| {
                let size = cx.size(expr, &format!("`{kind}` of {name}"));
                pair[usize::from(name == names[1])] = size;
            },
        );
    }
    Some([pair[0]?, pair[1]?])
}

/// `Padding { Y: 1, X: (0, 1) }`, 0 when absent.
fn paddings(cx: &mut Context<'_>, body: &Body) -> Option<[(u64, u64); 2]> {
    let mut pair = [Some((0, 0)), Some((0, 0))];
    if let Some(block) = block(body, "Padding") {
        named(
            cx,
            &block.body,
            "`Padding`",
            &["Y", "X"],
            |cx, name, expr| {
                let pads = match &expr.kind {
                    ast::ExprKind::Tuple(sides) | ast::ExprKind::List(sides) => {
                        match sides.as_slice() {
                            [low, high] => {
                                let low = cx.count(low, "a padding");
                                let high = cx.count(high, "a padding");
                                low.zip(high)
                            }
                            _ => {
                                cx.error(HirError::WrongKind {
                                    expected: "`(before, after)`".to_owned(),
                                    found: format!("{} values", sides.len()),
                                    span: expr.span,
                                });
                                None
                            }
                        }
                    }
                    _ => cx.count(expr, "a padding").map(|pad| (pad, pad)),
                };
                pair[usize::from(name == "X")] = pads;
            },
        );
    }
    Some([pair[0]?, pair[1]?])
}
