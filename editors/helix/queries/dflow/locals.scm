; Parameters live in their dataflow.

(dataflow) @local.scope

(parameter
  name: (name) @local.definition.variable.parameter)

(path
  .
  (name) @local.reference)
