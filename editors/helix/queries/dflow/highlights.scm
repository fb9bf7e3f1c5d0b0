; What has which colour. The capture names are those of Helix; of several patterns for one
; node the last wins.

; Names ------------------------------------------------------------------------------------------------------------

(name) @variable

; Keys and flags: which exist is the compiler's business.
(property
  key: (path
    (name) @variable.other.member))

(instance
  "Inputs" @variable.other.member)

(flag
  (path
    (name) @variable.other.member))

; Dimensions of a layer, as in the directives.
(property
  key: (path
    (name) @variable.other.member)
  (#any-of? @variable.other.member
    "N" "K" "C" "G" "Y" "X" "R" "S" "Y'" "X'" "P" "Q" "M" "B" "D" "H"))

; `Memory RF { ... }`
(block
  kind: (name) @type)

; What a definition defines.
(const
  name: (name) @constant)

(technology
  name: (name) @type)

(accelerator
  name: (name) @type)

(network
  name: (name) @type)

(search
  name: (name) @type)

(explore
  name: (name) @type)

(dataflow
  name: (name) @function)

(layer
  name: (name) @label)

(repeat
  name: (name) @label)

(instance
  name: (name) @label)

(instance
  network: (path
    (name) @type))

(instance
  network: (call
    function: (path
      (name) @type)))

(map
  network: (path
    (name) @type))

(map
  accelerator: (path
    (name) @type))

(map
  network: (call
    function: (path
      (name) @type)))

(map
  accelerator: (call
    function: (path
      (name) @type)))

(map
  name: (name) @type)

(on
  accelerator: (path
    (name) @type))

; Imports.
(use_source
  (path
    (name) @namespace))

(use_source
  (path
    (name) @type .))

(use_source
  alias: (name) @type)

(use_source
  prefix: (path
    (name) @namespace))

(use_name
  (name) @type)

(use_source
  file: (string) @string.special.path)

; Dataflows.
(parameter
  name: (name) @variable.parameter)

(argument
  name: (name) @variable.parameter)

(temporal_map
  dim: (name) @variable.other.member)

(spatial_map
  dim: (name) @variable.other.member)

(tile
  dim: (name) @variable.other.member)

(spread
  dim: (name) @variable.other.member
  array: (name) @type)

(map_entry
  array: (name) @type)

(at
  memory: (name) @type)

(retain
  memory: (name) @type)

(bypass
  memory: (name) @type)

(cluster
  kind: (name) @constant.builtin)

(schedule
  word: (name) @constant.builtin)

(let
  name: (name) @variable.parameter)

(call
  function: (path
    (name) @function .))

((call
  function: (path
    .
    (name) @function.builtin .))
  (#any-of? @function.builtin
    "min" "max" "ceil_div" "floor_div" "largest_divisor" "pow2_floor" "if"))

; `Size(GLB)`, `Size(PE[0])`: a part of the hardware.
((call
  function: (path
    .
    (name) @function.builtin .))
  (#eq? @function.builtin "Size"))

; `Sz(K)`, `Stride(Y)`: a dimension of the layer.
(call
  function: (path
    .
    (name) @function.builtin .)
  arguments: (arguments
    (argument
      value: (path
        (name) @variable.other.member)))
  (#any-of? @function.builtin "Sz" "Stride"))

; Maps.
(map_key
  layer: (path
    (name) @label))

(map_key
  type: (name) @constant.builtin)

(map_entry
  dataflow: (path
    (name) @function .))

(layer_dataflow
  dataflow: (path
    (name) @function .))

; Searches.
(search_property
  key: (search_key
    (name) @variable.other.member))

(space_property
  key: (name) @variable.other.member)

(order
  dim: (name) @variable.other.member)

(dims
  (name) @variable.other.member)

(spread_dims
  (name) @variable.other.member)

(space_spread
  array: (name) @type)

(space_retain
  memory: (name) @type)

(space_bypass
  memory: (name) @type)

(space_at
  memory: (name) @type)

; Fused blocks.
(fuse
  layer: (path
    (name) @label))

(fuse_tile
  target: (path
    (name) @label
    (name) @variable.other.member))

(run
  layer: (path
    (name) @label))

(run
  array: (name) @type)

(run
  dataflow: (path
    (name) @function .))

(retain
  tensor: (path
    (name) @label
    (name)))

(bypass
  tensor: (path
    (name) @label
    (name)))

(recompute
  tensor: (path
    (name) @label
    (name)))

(refetch
  tensor: (path
    (name) @label
    (name))
  memory: (name) @type)

; Words with a meaning of their own.
((name) @constant.builtin
  (#any-of? @constant.builtin
    "FP8" "FP16" "BF16" "FP32"
    "CONV" "DWCONV" "DSCONV" "GCONV" "NGCONV" "TRCONV" "FC" "GEMM" "POOL" "ADD" "ELTWISE" "RESIDUAL" "LSTM" "EINSUM"))

((name) @constant.builtin
  (#match? @constant.builtin "^INT([1-9]|[1-5][0-9]|6[0-4])$"))

((name) @constant.builtin.boolean
  (#any-of? @constant.builtin.boolean "true" "false"))

((name) @variable.builtin
  (#any-of? @variable.builtin "external" "std"))

; Tensors, as `Input` or `layer.Input`.
((path
  (name) @constant.builtin .)
  (#any-of? @constant.builtin "Input" "Weight" "PartialSum" "Output"))

; Literals ---------------------------------------------------------------------------------------------------------

(number) @constant.numeric

(unit) @type.builtin

(string) @string

(escape) @constant.character.escape

(line_comment) @comment

(block_comment) @comment

; Keywords ---------------------------------------------------------------------------------------------------------

[
  "use"
  "as"
] @keyword.control.import

[
  "const"
  "Constant"
  "Technology"
  "Accelerator"
  "Network"
  "Layer"
  "repeat"
  "Block"
  "Persistent"
  "Dataflow"
  "Map"
  "Search"
  "Explore"
  "Fuse"
  "space"
  "vary"
  "where"
] @keyword

[
  "TemporalMap"
  "SpatialMap"
  "Cluster"
  "tile"
  "spread"
  "retain"
  "bypass"
  "at"
  "let"
  "Schedule"
  "order"
  "recompute"
  "refetch"
  "pipeline"
  "sequence"
  "run"
] @keyword.directive

[
  "on"
  "by"
  "upto"
  "over"
  "in"
  "from"
  "using"
  "default"
  "unwired"
] @keyword.operator

; Signs ------------------------------------------------------------------------------------------------------------

[
  "="
  "+="
  "max="
  "min="
  "=="
  "!="
  "<"
  "<="
  ">"
  ">="
  "+"
  "-"
  "*"
  "/"
  "%"
] @operator

[
  "{"
  "}"
  "("
  ")"
  "["
  "]"
] @punctuation.bracket

[
  ";"
  ","
  ":"
  "."
] @punctuation.delimiter
