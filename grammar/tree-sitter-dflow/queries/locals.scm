; Parameters and what `let` names live in their definition, everything else in the file.

(file) @local.scope

(dataflow) @local.scope

(network) @local.scope

(accelerator) @local.scope

(const
  name: (name) @local.definition)

(technology
  name: (name) @local.definition)

(accelerator
  name: (name) @local.definition)

(network
  name: (name) @local.definition)

(dataflow
  name: (name) @local.definition)

(layer
  name: (name) @local.definition)

(parameter
  name: (name) @local.definition)

(let
  name: (name) @local.definition)

(use_source
  (path
    (name) @local.definition .) .)

(use_source
  alias: (name) @local.definition)

(use_name
  (name) @local.definition .)

(path
  .
  (name) @local.reference)
