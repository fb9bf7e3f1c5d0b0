//! Expressions: constant ones to values, those of dataflows to [`Expr`] and, for one layer, to numbers.

use super::error::HirError;
use super::function::{self, Function, NoCapacity, Surroundings};
use super::scope::Context;
use super::value::{self, ArithmeticError, Value};
use super::{Expr, ExprKind, Operator, Precision, Word};
use crate::base::{Dimension, IntBits, Ratio, Span};
use crate::syntax::ast::{self, BinaryOp};

impl Context<'_> {
    fn arithmetic(&mut self, error: ArithmeticError, span: Span) {
        self.error(match error {
            ArithmeticError::Overflow => HirError::Overflow { span },
            ArithmeticError::DivisionByZero => HirError::DivisionByZero { span },
            ArithmeticError::Mismatch => HirError::WrongKind {
                expected: "operands of one unit".to_owned(),
                found: "units that do not combine".to_owned(),
                span,
            },
            ArithmeticError::Domain => HirError::OutOfDomain { span },
        });
    }

    fn wrong_kind(&mut self, expected: &str, expr: &ast::Expr) {
        self.error(HirError::WrongKind {
            expected: expected.to_owned(),
            found: describe(expr),
            span: expr.span,
        });
    }

    /// The value of a constant expression; `None` has been reported.
    pub(super) fn value(&mut self, expr: &ast::Expr) -> Option<Value> {
        match &expr.kind {
            ast::ExprKind::Number(number) => self.literal(number, expr.span),
            ast::ExprKind::Path(path) => match self.constant(path) {
                Some(value) => value,
                None => {
                    self.unknown_constant(path);
                    None
                }
            },
            ast::ExprKind::Negate(inner) => match self.value(inner)? {
                Value::Integer(value) => match value.checked_neg() {
                    Some(value) => Some(Value::Integer(value)),
                    None => {
                        self.arithmetic(ArithmeticError::Overflow, expr.span);
                        None
                    }
                },
                Value::Exact(..) => {
                    self.error(HirError::WrongKind {
                        expected: "a quantity of at least 0".to_owned(),
                        found: "a negative one".to_owned(),
                        span: expr.span,
                    });
                    None
                }
            },
            ast::ExprKind::Binary { op, left, right } => {
                let (left, right) = (self.value(left), self.value(right));
                let (left, right) = (left?, right?);
                match value::binary(op.value, left, right) {
                    Ok((value, inexact)) => {
                        if let (true, Value::Integer(left), Value::Integer(right)) =
                            (inexact, left, right)
                        {
                            self.error(HirError::InexactDivision {
                                left,
                                right,
                                span: expr.span,
                            });
                        }
                        Some(value)
                    }
                    Err(error) => {
                        self.arithmetic(error, expr.span);
                        None
                    }
                }
            }
            ast::ExprKind::Call {
                function,
                arguments,
            } => match self.call(function, arguments, expr)? {
                (Function::Operator(operator), arguments) => {
                    let values: Vec<Option<i64>> =
                        arguments.iter().map(|expr| self.integer(expr)).collect();
                    let (left, right) = match values.as_slice() {
                        [left, right] => ((*left)?, (*right)?),
                        _ => return None,
                    };
                    match operate(operator, left, right) {
                        Ok((value, _)) => Some(Value::Integer(value)),
                        Err(error) => {
                            self.arithmetic(error, expr.span);
                            None
                        }
                    }
                }
                (Function::PowerOfTwo, arguments) => {
                    let value = self.integer(arguments.first()?)?;
                    match function::power_of_two(value) {
                        Some(value) => Some(Value::Integer(value)),
                        None => {
                            self.arithmetic(ArithmeticError::Domain, expr.span);
                            None
                        }
                    }
                }
                (Function::If, arguments) => self.choice(&arguments),
                (known @ (Function::Size | Function::Stride | Function::Capacity), _) => {
                    let on = match known {
                        Function::Capacity => "accelerator",
                        _ => "layer being mapped",
                    };
                    self.error(HirError::WrongKind {
                        expected: "a constant".to_owned(),
                        found: format!("`{function}`, which depends on the {on}"),
                        span: expr.span,
                    });
                    None
                }
            },
            ast::ExprKind::Error => None,
            ast::ExprKind::String(_)
            | ast::ExprKind::Index { .. }
            | ast::ExprKind::Compare { .. }
            | ast::ExprKind::UpTo(_)
            | ast::ExprKind::List(_)
            | ast::ExprKind::Tuple(_) => {
                self.wrong_kind("a number", expr);
                None
            }
        }
    }

    fn literal(&mut self, number: &ast::Number, span: Span) -> Option<Value> {
        let value = match number.unit {
            Some(unit) => unit
                .apply(number.value)
                .map(|value| Value::Exact(value, Some(unit.dimension))),
            None => number.value.ratio().and_then(|ratio| {
                if ratio.denominator() == 1 {
                    let whole = i64::try_from(ratio.numerator()).ok()?;
                    Some(Value::Integer(whole))
                } else {
                    Some(Value::Exact(ratio, None))
                }
            }),
        };
        if value.is_none() {
            self.error(HirError::Overflow { span });
        }
        value
    }

    /// A call of one of the known functions with as many operands as it takes.
    fn call<'e>(
        &mut self,
        function: &ast::Path,
        arguments: &'e [ast::Argument],
        expr: &ast::Expr,
    ) -> Option<(Function, Vec<&'e ast::Expr>)> {
        let name = function.to_string();
        let Some(known) = function::called(&name) else {
            self.error(HirError::UnknownName {
                expected: "function",
                suggestion: self.suggest(&name, function::names()),
                name,
                span: function.span,
                found: None,
            });
            return None;
        };
        let fits = arguments.len() == known.takes.len()
            && arguments.iter().all(|argument| argument.name.is_none());
        if !fits {
            let takes = known.takes.join(", ");
            self.error(HirError::WrongKind {
                expected: format!("`{name}({takes})`"),
                found: match arguments.len() {
                    1 => "1 argument".to_owned(),
                    count => format!("{count} arguments"),
                },
                span: expr.span,
            });
            return None;
        }
        let operands = arguments.iter().map(|argument| &argument.value);
        Some((known.function, operands.collect()))
    }

    /// `if(condition, then, otherwise)` of constants. Of the branch that is not taken only the names are looked up:
    /// `if(n > 0, 64 / n, 1)` has a value for every n.
    fn choice(&mut self, operands: &[&ast::Expr]) -> Option<Value> {
        let [condition, then, otherwise] = operands else {
            return None;
        };
        let (taken, other) = if self.holds(condition)? {
            (then, otherwise)
        } else {
            (otherwise, then)
        };
        self.look_up_names(other);
        self.value(taken)
    }

    /// Whether a comparison of constants is true.
    pub(super) fn holds(&mut self, condition: &ast::Expr) -> Option<bool> {
        let (op, left, right) = self.condition(condition)?;
        let (left, right) = (self.value(left), self.value(right));
        let (left, right) = (left?, right?);
        let Some(ordering) = left.compare(right) else {
            self.arithmetic(ArithmeticError::Mismatch, condition.span);
            return None;
        };
        Some(op.holds(ordering))
    }

    /// The two sides of a comparison.
    fn condition<'e>(
        &mut self,
        expr: &'e ast::Expr,
    ) -> Option<(ast::CompareOp, &'e ast::Expr, &'e ast::Expr)> {
        match &expr.kind {
            ast::ExprKind::Compare { op, left, right } => Some((op.value, left, right)),
            ast::ExprKind::Error => None,
            _ => {
                self.wrong_kind("a comparison, such as `a <= b`", expr);
                None
            }
        }
    }

    /// Reports names in an expression that mean nothing.
    fn look_up_names(&mut self, expr: &ast::Expr) {
        match &expr.kind {
            ast::ExprKind::Path(path) => {
                if self.constant(path).is_none() {
                    self.unknown_constant(path);
                }
            }
            ast::ExprKind::Call {
                function,
                arguments,
            } => {
                if matches!(function.as_name(), Some(name) if ["Sz", "Stride", "Size"].contains(&name.as_str()))
                {
                    // Says that it is no constant.
                    self.value(expr);
                } else if self.call(function, arguments, expr).is_some() {
                    for argument in arguments {
                        self.look_up_names(&argument.value);
                    }
                }
            }
            ast::ExprKind::Negate(inner) => self.look_up_names(inner),
            ast::ExprKind::Binary { left, right, .. }
            | ast::ExprKind::Compare { left, right, .. } => {
                self.look_up_names(left);
                self.look_up_names(right);
            }
            ast::ExprKind::Number(_) | ast::ExprKind::Error => {}
            _ => self.wrong_kind("a number", expr),
        }
    }

    /// An integer constant; `None` has been reported.
    pub(super) fn integer(&mut self, expr: &ast::Expr) -> Option<i64> {
        match self.value(expr)? {
            Value::Integer(value) => Some(value),
            // `128KiB / 2KiB`
            Value::Exact(ratio, None)
                if ratio.denominator() == 1 && i64::try_from(ratio.numerator()).is_ok() =>
            {
                i64::try_from(ratio.numerator()).ok()
            }
            other @ Value::Exact(..) => {
                self.error(HirError::WrongKind {
                    expected: "a whole number".to_owned(),
                    found: other.describe().to_owned(),
                    span: expr.span,
                });
                None
            }
        }
    }

    /// A size: an integer of at least 1.
    pub(super) fn size(&mut self, expr: &ast::Expr, what: &str) -> Option<u64> {
        let value = self.integer(expr)?;
        match u64::try_from(value) {
            Ok(size) if size > 0 => Some(size),
            _ => {
                self.error(HirError::NotPositive {
                    what: what.to_owned(),
                    value: value.to_string(),
                    span: expr.span,
                });
                None
            }
        }
    }

    /// An integer of at least 0.
    pub(super) fn count(&mut self, expr: &ast::Expr, what: &str) -> Option<u64> {
        let value = self.integer(expr)?;
        let count = u64::try_from(value).ok();
        if count.is_none() {
            self.error(HirError::WrongKind {
                expected: format!("{what} of at least 0"),
                found: value.to_string(),
                span: expr.span,
            });
        }
        count
    }

    /// A quantity in the base unit of one of `dimensions`; a bare number counts in `default`, the scale
    /// and dimension that the key documents.
    pub(super) fn quantity(
        &mut self,
        expr: &ast::Expr,
        key: &str,
        dimensions: &[Dimension],
        default: (u128, Dimension),
    ) -> Option<(Ratio, Dimension)> {
        let value = self.value(expr)?;
        let (ratio, dimension) = match value {
            Value::Integer(integer) => {
                let Some(ratio) = u128::try_from(integer).ok().and_then(|n| Ratio::new(n, 1))
                else {
                    self.error(HirError::WrongKind {
                        expected: format!("`{key}` of at least 0"),
                        found: integer.to_string(),
                        span: expr.span,
                    });
                    return None;
                };
                (ratio, None)
            }
            Value::Exact(ratio, dimension) => (ratio, dimension),
        };
        match dimension {
            Some(dimension) if dimensions.contains(&dimension) => Some((ratio, dimension)),
            None => {
                let scaled = Ratio::new(default.0, 1).and_then(|scale| ratio.checked_mul(scale));
                if scaled.is_none() {
                    self.error(HirError::Overflow { span: expr.span });
                }
                Some((scaled?, default.1))
            }
            Some(dimension) => {
                let expected: Vec<String> = dimensions
                    .iter()
                    .map(|known| format!("{} ({})", known.describe(), known.base_unit()))
                    .collect();
                self.error(HirError::WrongUnit {
                    key: key.to_owned(),
                    expected: expected.join(" or "),
                    found: dimension.describe(),
                    span: expr.span,
                    instead: match &expr.kind {
                        // `16GB` for a bandwidth: what is meant is a second.
                        ast::ExprKind::Number(ast::Number {
                            value,
                            unit: Some(unit),
                        }) if dimension == Dimension::Size
                            && dimensions.contains(&Dimension::BytesPerSecond) =>
                        {
                            Some(format!("{value}{unit}/s"))
                        }
                        ast::ExprKind::Number(number) => dimensions
                            .first()
                            .map(|first| format!("{}{}", number.value, first.base_unit())),
                        _ => None,
                    },
                });
                None
            }
        }
    }

    /// `true` or `false`.
    pub(super) fn boolean(&mut self, expr: &ast::Expr) -> Option<bool> {
        match expr.as_name().map(|name| name.as_str()) {
            Some("true") => Some(true),
            Some("false") => Some(false),
            _ => {
                self.wrong_kind("`true` or `false`", expr);
                None
            }
        }
    }

    /// `INT8`, ...
    pub(super) fn precision(&mut self, expr: &ast::Expr) -> Option<Precision> {
        if let Some(bits) = int_of(expr) {
            let bits = self.integer(bits)?;
            let known = u8::try_from(bits).ok().and_then(IntBits::new);
            if known.is_none() {
                self.wrong_kind("a number of bits from 1 to 64", expr);
            }
            return known.map(Precision::Int);
        }
        let found = expr
            .as_name()
            .and_then(|name| Precision::from_name(name.as_str()));
        if found.is_none() && !matches!(expr.kind, ast::ExprKind::Error) {
            let expected = format!("a precision ({})", Precision::known());
            self.wrong_kind(&expected, expr);
        }
        found
    }

    /// An expression of a dataflow: constants are put in, parameters (and what `let` names) numbered, `Sz` kept.
    pub(super) fn symbolic(&mut self, expr: &ast::Expr, parameters: &[String]) -> Option<Expr> {
        let kind = match &expr.kind {
            ast::ExprKind::Path(path) => {
                let name = path.as_name().map(|name| name.as_str());
                let parameter = parameters
                    .iter()
                    .position(|known| Some(known.as_str()) == name);
                match parameter {
                    Some(index) => ExprKind::Parameter(index),
                    None => match self.constant(path) {
                        Some(_) => ExprKind::Integer(self.integer(expr)?),
                        None => {
                            let suggestion = name.and_then(|name| {
                                crate::diag::suggest::nearest(
                                    name,
                                    parameters.iter().map(String::as_str),
                                )
                            });
                            match (suggestion, path.as_name()) {
                                (Some(suggestion), Some(name)) => {
                                    self.error(HirError::UnknownName {
                                        expected: "parameter or constant",
                                        name: name.value.clone(),
                                        span: name.span,
                                        suggestion: Some(suggestion.to_owned()),
                                        found: None,
                                    });
                                }
                                _ => self.unknown_constant(path),
                            }
                            return None;
                        }
                    },
                }
            }
            ast::ExprKind::Negate(inner) => {
                ExprKind::Negate(Box::new(self.symbolic(inner, parameters)?))
            }
            ast::ExprKind::UpTo(most) => ExprKind::UpTo(Box::new(self.symbolic(most, parameters)?)),
            ast::ExprKind::Binary { op, left, right } => {
                let left = self.symbolic(left, parameters);
                let right = self.symbolic(right, parameters);
                let operator = match op.value {
                    BinaryOp::Add => Operator::Add,
                    BinaryOp::Subtract => Operator::Subtract,
                    BinaryOp::Multiply => Operator::Multiply,
                    BinaryOp::Divide => Operator::Divide,
                    BinaryOp::Remainder => Operator::Remainder,
                };
                ExprKind::Operation(operator, Box::new(left?), Box::new(right?))
            }
            ast::ExprKind::Call {
                function,
                arguments,
            } => {
                let (known, operands) = self.call(function, arguments, expr)?;
                self.applied_function(known, &operands, function, parameters)?
            }
            _ => ExprKind::Integer(self.integer(expr)?),
        };
        Some(Expr {
            kind,
            span: expr.span,
        })
    }
}

impl Context<'_> {
    /// A call in an expression of a dataflow; it has as many operands as the function takes.
    fn applied_function(
        &mut self,
        known: Function,
        operands: &[&ast::Expr],
        function: &ast::Path,
        parameters: &[String],
    ) -> Option<ExprKind> {
        let first = *operands.first()?;
        match known {
            Function::Operator(operator) => {
                let left = self.symbolic(first, parameters);
                let right = self.symbolic(operands.get(1)?, parameters);
                Some(ExprKind::Operation(
                    operator,
                    Box::new(left?),
                    Box::new(right?),
                ))
            }
            Function::PowerOfTwo => {
                let inner = self.symbolic(first, parameters)?;
                Some(ExprKind::PowerOfTwo(Box::new(inner)))
            }
            Function::If => {
                let (op, left, right) = self.condition(first)?;
                let mut all = [left, right, operands.get(1)?, operands.get(2)?]
                    .map(|expr| self.symbolic(expr, parameters));
                let mut next = |at: usize| all.get_mut(at).and_then(Option::take);
                Some(ExprKind::If(Box::new(super::Conditional {
                    op,
                    left: next(0)?,
                    right: next(1)?,
                    then: next(2)?,
                    otherwise: next(3)?,
                })))
            }
            Function::Size | Function::Stride => {
                let Some(dim) = first.as_name() else {
                    self.wrong_kind(
                        &format!("the name of a dimension in `{function}(...)`"),
                        first,
                    );
                    return None;
                };
                Some(match known {
                    Function::Size => ExprKind::Size(word(dim)),
                    _ => ExprKind::Stride(word(dim)),
                })
            }
            Function::Capacity => {
                let (part, axis) = match &first.kind {
                    ast::ExprKind::Index { base, indices } if indices.len() == 1 => {
                        (base, indices.first())
                    }
                    _ => match first.as_name() {
                        Some(name) => (name, None),
                        None => {
                            let expected = "a memory, an array or an axis (`PE[0]`)";
                            self.wrong_kind(expected, first);
                            return None;
                        }
                    },
                };
                let axis = match axis {
                    Some(axis) => Some(Box::new(self.symbolic(axis, parameters)?)),
                    None => None,
                };
                Some(ExprKind::Capacity(word(part), axis))
            }
        }
    }
}

pub(super) fn word(name: &ast::Name) -> Word {
    Word {
        text: name.value.clone(),
        span: name.span,
    }
}

/// What stands where the parser found no value, and has said so.
pub(super) const UNREADABLE: &str = "nothing readable";

/// What kind of expression it is, for messages.
pub(super) fn describe(expr: &ast::Expr) -> String {
    match &expr.kind {
        ast::ExprKind::Number(_) => "a number".to_owned(),
        ast::ExprKind::String(_) => "a string".to_owned(),
        ast::ExprKind::Path(path) => format!("`{path}`"),
        ast::ExprKind::Call { function, .. } => format!("a call of `{function}`"),
        ast::ExprKind::Index { .. } => "an indexed tensor".to_owned(),
        ast::ExprKind::Negate(_) | ast::ExprKind::Binary { .. } => "an expression".to_owned(),
        ast::ExprKind::Compare { .. } => "a comparison".to_owned(),
        ast::ExprKind::UpTo(_) => "a size with `upto`".to_owned(),
        ast::ExprKind::List(_) => "a list".to_owned(),
        ast::ExprKind::Tuple(_) => "a tuple".to_owned(),
        ast::ExprKind::Error => UNREADABLE.to_owned(),
    }
}

fn operate(operator: Operator, left: i64, right: i64) -> Result<(i64, bool), ArithmeticError> {
    match operator {
        Operator::Add => value::integer(BinaryOp::Add, left, right),
        Operator::Subtract => value::integer(BinaryOp::Subtract, left, right),
        Operator::Multiply => value::integer(BinaryOp::Multiply, left, right),
        Operator::Divide => value::integer(BinaryOp::Divide, left, right),
        Operator::Remainder => value::integer(BinaryOp::Remainder, left, right),
        Operator::Min => Ok((left.min(right), false)),
        Operator::Max => Ok((left.max(right), false)),
        Operator::CeilDivide => Ok((value::ceil_div(left, right)?, false)),
        Operator::FloorDivide => Ok((value::floor_div(left, right)?, false)),
        Operator::LargestDivisor => {
            let divisor = function::largest_divisor(left, right);
            Ok((divisor.ok_or(ArithmeticError::Domain)?, false))
        }
    }
}

/// What an expression needs to become a number.
pub struct Environment<'a> {
    /// Values of the dataflow's parameters, and behind them of what `let` names.
    pub parameters: &'a [i64],
    pub surroundings: &'a dyn Surroundings,
}

/// Why an expression has no value for a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EvaluationError {
    Overflow(Span),
    DivisionByZero(Span),
    /// An operand for which the function has no value.
    OutOfDomain(Span),
    /// `Sz` or `Stride` of a dimension that the layer does not have.
    NoDimension(Word),
    /// `Size` of something that has none.
    NoCapacity(Word, NoCapacity),
}

impl Expr {
    /// The value for one layer; inexact divisions are added to `inexact`.
    ///
    /// # Errors
    /// The innermost operation that has no value.
    pub fn evaluate(
        &self,
        environment: &Environment<'_>,
        inexact: &mut Vec<HirError>,
    ) -> Result<i64, EvaluationError> {
        match &self.kind {
            ExprKind::Integer(value) => Ok(*value),
            ExprKind::Parameter(index) => environment
                .parameters
                .get(*index)
                .copied()
                .ok_or(EvaluationError::Overflow(self.span)),
            ExprKind::Size(dim) => {
                let size = environment.surroundings.size(&dim.text);
                self.of_layer(size, dim)
            }
            ExprKind::Stride(dim) => {
                let stride = environment.surroundings.stride(&dim.text);
                self.of_layer(stride, dim)
            }
            ExprKind::Capacity(part, axis) => {
                let axis = match axis {
                    Some(axis) => Some(axis.evaluate(environment, inexact)?),
                    None => None,
                };
                let known = environment.surroundings.capacity(&part.text, axis);
                let size = known.map_err(|why| EvaluationError::NoCapacity(part.clone(), why))?;
                i64::try_from(size).map_err(|_| EvaluationError::Overflow(self.span))
            }
            ExprKind::PowerOfTwo(inner) => {
                let value = inner.evaluate(environment, inexact)?;
                function::power_of_two(value).ok_or(EvaluationError::OutOfDomain(self.span))
            }
            ExprKind::If(choice) => {
                let left = choice.left.evaluate(environment, inexact)?;
                let right = choice.right.evaluate(environment, inexact)?;
                let taken = if choice.op.holds(left.cmp(&right)) {
                    &choice.then
                } else {
                    &choice.otherwise
                };
                taken.evaluate(environment, inexact)
            }
            ExprKind::Negate(inner) => inner
                .evaluate(environment, inexact)?
                .checked_neg()
                .ok_or(EvaluationError::Overflow(self.span)),
            ExprKind::UpTo(most) => most.evaluate(environment, inexact),
            ExprKind::Operation(operator, left, right) => {
                let left = left.evaluate(environment, inexact)?;
                let right = right.evaluate(environment, inexact)?;
                match operate(*operator, left, right) {
                    Ok((value, rounded)) => {
                        if rounded {
                            inexact.push(HirError::InexactDivision {
                                left,
                                right,
                                span: self.span,
                            });
                        }
                        Ok(value)
                    }
                    Err(ArithmeticError::DivisionByZero) => {
                        Err(EvaluationError::DivisionByZero(self.span))
                    }
                    Err(ArithmeticError::Domain) => Err(EvaluationError::OutOfDomain(self.span)),
                    Err(_) => Err(EvaluationError::Overflow(self.span)),
                }
            }
        }
    }

    fn of_layer(&self, known: Option<u64>, dim: &Word) -> Result<i64, EvaluationError> {
        let known = known.ok_or_else(|| EvaluationError::NoDimension(dim.clone()))?;
        i64::try_from(known).map_err(|_| EvaluationError::Overflow(self.span))
    }
}

/// The bits of `INT(bits)`: an INTn whose n is a number of the accelerator.
fn int_of(expr: &ast::Expr) -> Option<&ast::Expr> {
    match &expr.kind {
        ast::ExprKind::Call {
            function,
            arguments,
        } if function
            .as_name()
            .is_some_and(|name| name.as_str() == "INT") =>
        {
            match arguments.as_slice() {
                [one] if one.name.is_none() => Some(&one.value),
                _ => None,
            }
        }
        _ => None,
    }
}
