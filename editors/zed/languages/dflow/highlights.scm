; What has which colour. The capture names are those of Neovim and of the tree-sitter CLI; of several patterns for one
; node the last wins.

; Names ------------------------------------------------------------------------------------------------------------

(name) @variable

; Keys and flags: which exist is the compiler's business.
(property
  key: (path
    (name) @property))

(instance
  "Inputs" @property)

(flag
  (path
    (name) @property))

; Dimensions of a layer, as in the directives.
((property
  key: (path
    (name) @variable.member))
  (#match? @variable.member "^[A-Z]'?$"))

; `Memory RF { ... }`, `Dimensions { ... }`
(block
  kind: (name) @property)

(block
  name: (name) @type)

((block
  kind: (name) @_kind
  name: (name) @label)
  (#any-of? @_kind "Input" "Persistent"))

; The keys of MAESTRO that are memories.
((property
  key: (path
    (name) @type))
  (#any-of? @type "GlobalL2" "LocalL1" "L1" "L2"))

; What a definition defines.
(const
  name: (name) @constant)

(technology
  name: (name) @type.definition)

(accelerator
  name: (name) @type.definition)

(network
  name: (name) @type.definition)

(search
  name: (name) @type.definition)

(explore
  name: (name) @type.definition)

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
  name: (name) @type.definition)

(on
  accelerator: (path
    (name) @type))

; Imports.
(use_source
  (path
    (name) @module))

(use_source
  (path
    (name) @type .))

(use_source
  alias: (name) @type)

(use_source
  prefix: (path
    (name) @module))

(use_name
  (name) @type)

((use_source
  (path
    (name) @_folder
    (name) @function .))
  (#eq? @_folder "dataflows"))

(use_source
  prefix: (path
    (name) @module))

((use
  (use_source
    prefix: (path
      (name) @_folder)
    (use_name
      name: (name) @function)))
  (#eq? @_folder "dataflows"))

(use_source
  file: (string) @string.special.path)

; Dataflows.
(parameter
  name: (name) @variable.parameter)

(argument
  name: (name) @variable.parameter)

(temporal_map
  dim: (name) @variable.member)

(spatial_map
  dim: (name) @variable.member)

(tile
  dim: (name) @variable.member)

(spread
  dim: (name) @variable.member
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
    (name) @function.call .))

; Networks and accelerators with arguments.
(instance
  network: (call
    function: (path
      (name) @type .)))

(map
  network: (call
    function: (path
      (name) @type .)))

(map
  accelerator: (call
    function: (path
      (name) @type .)))

(instance
  input: (path
    .
    (name) @label))

((call
  function: (path
    .
    (name) @function.builtin .))
  (#any-of? @function.builtin
    "min" "max" "ceil_div" "floor_div" "largest_divisor" "pow2_floor" "if"))

; Einsums: `P[h, m + 1]`.
(index
  base: (name) @constant.builtin)

; `Size(PE[0])`
((call
  function: (path
    (name) @_function)
  arguments: (arguments
    (argument
      value: (index
        base: (name) @type))))
  (#eq? @_function "Size"))

(index
  (path
    (name) @variable.member))

(index
  (binary
    (path
      (name) @variable.member)))

((property
  key: (path
    (name) @_key)
  value: (path
    .
    (name) @label))
  (#eq? @_key "Inputs"))

((property
  key: (path
    (name) @_key)
  value: (path
    (name) @type .))
  (#eq? @_key "Technology"))

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
        (name) @variable.member)))
  (#any-of? @function.builtin "Sz" "Stride"))

; Maps.
(map_key
  layer: (path
    (name) @label))

(map_key
  type: (name) @constant.builtin)

(map_entry
  dataflow: (path
    (name) @function.call .))

(layer_dataflow
  dataflow: (path
    (name) @function.call .))

; Searches.
(search_property
  key: (search_key
    (name) @property))

(space_property
  key: (name) @property)

(vary
  name: (name) @property)

(space
  named: (path
    (name) @function.call .))

((search_property
  key: (search_key) @_key
  value: (path
    (name) @type .))
  (#any-of? @_key "network" "on"))

((search_property
  key: (search_key) @_key
  value: (call
    function: (path
      (name) @type .)))
  (#any-of? @_key "network" "on"))

((search_property
  key: (search_key) @_key
  value: (path
    (name) @function.call .))
  (#eq? @_key "map"))

((search_property
  key: (search_key) @_key
  value: (path
    .
    (name) @type
    (name) @label .))
  (#eq? @_key "layer"))

(order
  dim: (name) @variable.member)

(dims
  (name) @variable.member)

(spread_dims
  (name) @variable.member)

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
    (name) @variable.member))

(run
  layer: (path
    (name) @label))

(run
  array: (name) @type)

(run
  dataflow: (path
    (name) @function.call .))

(retain
  tensor: (path
    .
    (name) @constant.builtin .))

(bypass
  tensor: (path
    .
    (name) @constant.builtin .))

(retain
  tensor: (path
    (name) @label
    (name) @constant.builtin .))

(bypass
  tensor: (path
    (name) @label
    (name) @constant.builtin .))

(recompute
  tensor: (path
    (name) @label
    (name) @constant.builtin .))

(refetch
  tensor: (path
    (name) @label
    (name) @constant.builtin .)
  memory: (name) @type)

; Words with a meaning of their own.
((name) @constant.builtin
  (#any-of? @constant.builtin
    "FP8" "FP16" "BF16" "FP32"
    "CONV" "DWCONV" "DSCONV" "GCONV" "NGCONV" "TRCONV" "FC" "GEMM" "POOL" "ADD" "ELTWISE" "RESIDUAL" "LSTM" "EINSUM"))

((name) @constant.builtin
  (#match? @constant.builtin "^INT([1-9]|[1-5][0-9]|6[0-4])$"))

((name) @boolean
  (#any-of? @boolean "true" "false"))

((name) @constant.builtin
  (#eq? @constant.builtin "external"))

((path
  .
  (name) @module)
  (#eq? @module "std"))

((path
  .
  (name) @_std
  .
  (name) @module)
  (#eq? @_std "std"))

; Tensors, as `Input` or `layer.Input`.
((path
  (name) @constant.builtin .)
  (#any-of? @constant.builtin "Input" "Weight" "PartialSum" "Output"))

; Literals ---------------------------------------------------------------------------------------------------------

(number) @number

(unit) @number

(string) @string

(escape) @string.escape

(line_comment) @comment

(block_comment) @comment

; Keywords ---------------------------------------------------------------------------------------------------------

[
  "use"
  "as"
] @keyword.import

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
