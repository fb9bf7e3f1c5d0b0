/**
 * dflow for editors.
 *
 * `grammar/dflow.lalrpop` is the grammar; this one follows it rule by rule, under the same names in snake_case (see
 * README.md for what becomes a node). It accepts what the compiler's parser accepts, and a little more: keywords are
 * names wherever no keyword fits.
 */

/// <reference types="tree-sitter-cli/dsl" />
// @ts-check

/** Zero or more, separated by commas, with or without a comma behind the last: `Comma<T>`. */
const comma = rule => optional(seq(rule, repeat(seq(',', rule)), optional(',')));

/** One or more, separated by commas, none behind the last: `CommaOne<T>`. */
const comma_one = rule => seq(rule, repeat(seq(',', rule)));

/**
 * What stands between braces: `open` needs a separator behind it unless it is the last, `closed` does not.
 * `Entries<O, C>` with its `Complete<O, C>`.
 */
const entries = ($, open, closed) => seq(
  repeat(choice(seq(open, $._separator), closed, $._separator)),
  optional(open),
);

/** The same where only `;` separates, because commas stand between names: `Statements<O, C>` with `Statement<O, C>`. */
const statements = (open, closed) => seq(
  repeat(choice(seq(open, ';'), closed, ';')),
  optional(open),
);

module.exports = grammar({
  name: 'dflow',

  externals: $ => [
    // What a number counts: `25.6 GB/s`. A scanner finds it, because only the list of units tells whether the word
    // behind the blank, or behind the slash, belongs to the number.
    $.unit,
    // In no rule, so valid only while the parser recovers from a mistake: the scanner then leaves words alone.
    $._error_sentinel,
  ],

  extras: $ => [/[ \t\r\n\f\uFEFF]/, $.line_comment, $.block_comment],

  word: $ => $.name,

  supertypes: $ => [
    $.item,
    $.open,
    $.closed,
    $.value,
    $.directive,
    $.directive_kind,
    $.directive_closed,
    $.map_open,
    $.map_closed,
    $.fuse_open,
    $.fuse_open_kind,
    $.fuse_closed,
    $.fuse_closed_kind,
    $.search_open,
    $.search_closed,
    $.space_open,
    $.space_open_kind,
    $.space_closed,
    $.space_closed_kind,
    $.expr,
    $.term,
    $.unary,
    $.atom,
  ],

  conflicts: $ => [
    // A comma separates entries (`N: 1, K: 64`) or the values of one (`Holds: Input, Output`); what follows tells.
    [$.property],
    [$.instance],
  ],

  rules: {
    file: $ => repeat(choice($.item, ';')),

    item: $ => choice(
      $.use,
      $.const,
      $.technology,
      $.accelerator,
      $.network,
      $.dataflow,
      $.map,
      $.search,
      $.explore,
    ),

    const: $ => choice(
      seq('const', field('name', $.name), '=', field('value', $.expr), ';'),
      seq('Constant', field('name', $.name), optional('='), field('value', $.expr), ';'),
    ),

    technology: $ => seq('Technology', field('name', optional($.name)), field('body', $.body)),

    accelerator: $ => seq(
      'Accelerator',
      field('name', optional($.name)),
      field('parameters', optional($.parameters)),
      field('body', $.body),
    ),

    network: $ => seq(
      'Network',
      field('name', optional($.name)),
      field('parameters', optional($.parameters)),
      optional('unwired'),
      field('body', $.body),
    ),

    dataflow: $ => seq(
      'Dataflow',
      field('name', optional($.name)),
      field('parameters', optional($.parameters)),
      optional($.on),
      field('body', $.dataflow_body),
    ),

    map: $ => seq(
      'Map',
      field('network', $._applied),
      'on',
      field('accelerator', $._applied),
      optional(seq('as', field('name', $.name))),
      '{',
      entries($, $.map_open, $.map_closed),
      '}',
    ),

    search: $ => seq(
      'Search',
      field('name', optional($.name)),
      '{',
      statements($.search_open, $.search_closed),
      '}',
    ),

    explore: $ => seq(
      'Explore',
      field('name', optional($.name)),
      '{',
      statements($.search_open, $.search_closed),
      '}',
    ),

    // use ------------------------------------------------------------------------------------------------

    use: $ => seq('use', $.use_source, ';'),

    use_source: $ => choice(
      $.path,
      seq($.path, 'as', field('alias', $.name)),
      // Not `$.path`: whether the dot ends the path is known only behind it.
      seq(field('prefix', alias($._segments, $.path)), '.', '{', comma($.use_name), '}'),
      field('file', $.string),
    ),

    use_name: $ => seq(field('name', $.name), optional(seq('as', field('alias', $.name)))),

    // Bodies with free keys ------------------------------------------------------------------------------

    body: $ => seq('{', entries($, $.open, $.closed), '}'),

    open: $ => choice(
      $.property,
      alias($._layer_dataflow_named, $.layer_dataflow),
      $.instance,
      $.persistent,
      $.flag,
    ),

    closed: $ => choice(
      $.block,
      $.layer,
      $.repeat,
      alias($._layer_dataflow_inline, $.layer_dataflow),
    ),

    property: $ => seq(
      field('key', choice($.path, alias($._keyword_path, $.path))),
      field('arguments', optional($.arguments)),
      ':',
      field('value', $.value),
      repeat($._more_values),
    ),

    _keyword_path: $ => alias('Technology', $.name),

    // The value wins over a flag, as in the compiler.
    _more_values: $ => prec.dynamic(1, seq(',', field('value', $.expr))),

    flag: $ => $.path,

    block: $ => seq(
      field('kind', choice($.name, alias('Persistent', $.name))),
      field('name', optional($.name)),
      field('body', $.body),
    ),

    layer: $ => seq('Layer', field('name', optional($.name)), field('body', $.body)),

    repeat: $ => seq('repeat', field('count', $.atom), field('name', $.name), field('body', $.body)),

    instance: $ => seq(
      'Block',
      field('name', $.name),
      ':',
      field('network', $._applied),
      optional(seq('Inputs', ':', field('input', $.expr), repeat($._more_inputs))),
    ),

    persistent: $ => seq('Persistent', field('name', $.path)),

    // As with the values of a property.
    _more_inputs: $ => prec.dynamic(1, seq(',', field('input', $.expr))),

    _layer_dataflow_named: $ => seq('Dataflow', ':', field('dataflow', $.expr)),
    _layer_dataflow_inline: $ => seq('Dataflow', optional(':'), field('body', $.dataflow_body)),

    value: $ => choice($.expr, $.assign),

    assign: $ => seq(field('target', $.expr), field('combine', $.combine), field('value', $.expr)),

    combine: $ => choice('+=', '=', 'max=', 'min='),

    _separator: $ => choice(';', ','),

    // Dataflows ------------------------------------------------------------------------------------------

    parameters: $ => seq('(', comma($.parameter), ')'),

    parameter: $ => seq(field('name', $.name), optional(seq('=', field('default', $.expr)))),

    on: $ => seq('on', field('accelerator', $.path)),

    dataflow_body: $ => seq('{', entries($, $.directive, $.directive_closed), '}'),

    directive: $ => $.directive_kind,

    directive_kind: $ => choice(
      $.temporal_map,
      $.spatial_map,
      $.cluster,
      $.tile,
      $.spread,
      $.retain,
      $.bypass,
      $.let,
      $.schedule,
    ),

    _size: $ => choice($.expr, $.upto),

    upto: $ => seq('upto', field('most', $.expr)),

    directive_closed: $ => $.at,

    temporal_map: $ => seq(
      'TemporalMap', '(', field('size', $._size), ',', field('offset', $._size), ')', field('dim', $.name),
    ),

    spatial_map: $ => seq(
      'SpatialMap', '(', field('size', $._size), ',', field('offset', $._size), ')', field('dim', $.name),
    ),

    cluster: $ => seq('Cluster', '(', field('size', $.expr), optional(seq(',', field('kind', $.name))), ')'),

    tile: $ => seq('tile', field('dim', $.name), 'by', field('size', $._size)),

    spread: $ => seq(
      'spread', field('dim', $.name),
      'by', field('size', $._size),
      'over', field('array', $.name),
      optional(seq('[', field('axis', $.expr), ']')),
    ),

    retain: $ => seq('retain', comma_one(field('tensor', $.path)), 'in', field('memory', $.name)),

    bypass: $ => seq('bypass', comma_one(field('tensor', $.path)), 'in', field('memory', $.name)),

    let: $ => seq('let', field('name', $.name), '=', field('value', $.expr)),

    schedule: $ => seq('Schedule', ':', repeat1(field('word', $.name))),

    at: $ => seq('at', field('memory', $.name), field('loops', $.dataflow_body)),

    // Maps -----------------------------------------------------------------------------------------------

    _applied: $ => choice($.path, $.call),

    map_open: $ => alias($._map_open_named, $.map_entry),

    _map_open_named: $ => seq(
      $.map_key, ':', field('dataflow', $.expr), optional(seq('on', field('array', $.name))),
    ),

    map_closed: $ => choice(
      alias($._map_closed_inline, $.map_entry),
      $.fuse,
    ),

    _map_closed_inline: $ => seq($.map_key, ':', field('body', $.dataflow_body)),

    map_key: $ => choice(
      'default',
      seq('default', comma_one(field('type', $.name))),
      comma_one(field('layer', $._layer_name)),
    ),

    // `decoder.q`: a layer in a repeat or a block.
    _layer_name: $ => $.path,

    // Searches -------------------------------------------------------------------------------------------

    search_open: $ => choice(
      alias($._search_property, $.search_property),
      alias($._space_named, $.space),
      $.vary,
    ),

    search_closed: $ => choice(
      alias($._search_property_set, $.search_property),
      $.space,
      $.where,
    ),

    _search_property: $ => seq(
      field('key', $.search_key), ':', comma_one(field('value', choice($.expr, $.comparison))),
    ),

    vary: $ => seq(
      'vary', field('name', $.name),
      ':', field('pieces', $.pieces),
      optional(seq('by', field('step', $.expr))),
    ),

    _search_property_set: $ => seq(field('key', $.search_key), ':', field('value', $.set)),

    search_key: $ => choice($.name, 'on'),

    _space_named: $ => seq('space', field('named', $.path)),

    space: $ => seq('space', field('named', optional($.path)), field('body', $.space_body)),

    where: $ => seq(
      'where',
      '{',
      repeat(choice(seq($.condition, ';'), $._condition_closed)),
      optional($.condition),
      '}',
    ),

    condition: $ => choice($.expr, $.comparison),

    // Nothing but what was reported, in the compiler.
    _condition_closed: _ => ';',

    set: $ => seq('{', comma($.expr), '}'),

    space_body: $ => seq('{', statements($.space_open, $.space_closed), '}'),

    space_open: $ => $.space_open_kind,

    space_open_kind: $ => choice(
      $.order,
      $.space_tile,
      $.space_spread,
      $.space_retain,
      $.space_bypass,
      $.space_property,
    ),

    order: $ => seq('order', comma_one(field('dim', $.name))),

    space_tile: $ => seq('tile', field('dim', $.dims), optional(seq('by', field('pieces', $.pieces)))),

    space_spread: $ => seq(
      'spread', field('dim', $.spread_dims),
      'by', field('pieces', $.pieces),
      'over', field('array', $.name),
      optional(seq('[', field('axis', $.expr), ']')),
    ),

    space_retain: $ => seq('retain', field('tensor', $.tensors), 'in', field('memory', $.name)),

    space_bypass: $ => seq('bypass', field('tensor', $.tensors), 'in', field('memory', $.name)),

    space_property: $ => seq(field('key', $.name), ':', field('value', $.pieces)),

    space_closed: $ => $.space_closed_kind,

    space_closed_kind: $ => $.space_at,

    space_at: $ => seq('at', field('memory', $.name), field('body', $.space_body)),

    dims: $ => choice('*', $.name),

    spread_dims: $ => choice($.name, seq('{', comma($.name), '}')),

    tensors: $ => choice('*', comma_one($.path)),

    pieces: $ => choice(
      $._size,
      $.set,
      seq(field('from', $.number), '.', '.', field('to', $.number)),
    ),

    // Fused blocks ---------------------------------------------------------------------------------------

    fuse: $ => seq('Fuse', comma_one(field('layer', $._layer_name)), field('body', $.fuse_body)),

    fuse_body: $ => seq('{', statements($.fuse_open, $.fuse_closed), '}'),

    fuse_open: $ => $.fuse_open_kind,

    fuse_open_kind: $ => choice($.retain, $.recompute, $.refetch),

    recompute: $ => seq('recompute', comma_one(field('tensor', $.path))),

    refetch: $ => seq('refetch', comma_one(field('tensor', $.path)), 'from', field('memory', $.name)),

    fuse_closed: $ => $.fuse_closed_kind,

    fuse_closed_kind: $ => choice($.fuse_tile, $.stages),

    fuse_tile: $ => seq('tile', field('target', $.path), 'by', field('size', $._size), field('body', $.fuse_body)),

    stages: $ => seq(
      field('word', $._stages_word),
      '{',
      statements($.run, alias($._run_closed, $.run)),
      '}',
    ),

    _stages_word: _ => choice('pipeline', 'sequence'),

    run: $ => seq($._run, optional(seq('using', field('dataflow', $.expr)))),

    _run_closed: $ => seq($._run, 'using', field('body', $.dataflow_body)),

    _run: $ => seq('run', field('layer', $._layer_name), optional(seq('on', field('array', $.name)))),

    // Expressions ----------------------------------------------------------------------------------------

    expr: $ => choice(alias($._sum, $.binary), $.term),

    _sum: $ => seq(field('left', $.expr), field('op', $._add_op), field('right', $.term)),

    term: $ => choice(alias($._product, $.binary), $.unary),

    _product: $ => seq(field('left', $.term), field('op', $._multiply_op), field('right', $.unary)),

    unary: $ => choice($.negate, $.atom),

    negate: $ => seq('-', $.unary),

    atom: $ => choice(
      $.number,
      $.string,
      $.path,
      $.call,
      $.index,
      $.list,
      $.parenthesised,
    ),

    call: $ => seq(field('function', $.path), field('arguments', $.arguments)),

    index: $ => seq(field('base', $.name), '[', comma($.expr), ']'),

    list: $ => seq('[', comma($.expr), ']'),

    // One expression is itself, several are a tuple.
    parenthesised: $ => seq('(', comma_one($.expr), ')'),

    _add_op: $ => choice('+', '-'),

    _multiply_op: $ => choice('*', '/', '%'),

    arguments: $ => seq('(', comma($.argument), ')'),

    comparison: $ => seq(field('left', $.expr), field('op', $._compare_op), field('right', $.expr)),

    _compare_op: $ => choice('==', '!=', '<', '<=', '>', '>='),

    argument: $ => choice(
      field('value', choice($.expr, $.comparison)),
      seq(field('name', $.name), '=', field('value', $.expr)),
    ),

    path: $ => $._segments,

    _segments: $ => choice($.name, seq($._segments, '.', $.name)),

    // Tokens (src/syntax/token.rs) -----------------------------------------------------------------------

    name: _ => /[A-Za-z_][A-Za-z0-9_]*'?/,

    number: $ => seq($._digits, optional($.unit)),

    _digits: _ => /[0-9][0-9_]*(\.[0-9][0-9_]*)?([eE][+-]?[0-9]+)?/,

    string: $ => seq(
      '"',
      repeat(choice(token.immediate(prec(1, /[^"\\\n]+/)), $.escape)),
      token.immediate('"'),
    ),

    escape: _ => token.immediate(/\\[^\n]/),

    line_comment: _ => token(/\/\/[^\n]*/),

    block_comment: _ => token(/\/\*([^*]|\*+[^*\/])*\*+\//),
  },
});
