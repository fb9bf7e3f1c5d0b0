[
  (body)
  (dataflow_body)
  (map)
  (fuse_body)
  (stages)
  (parameters)
  (arguments)
  (list)
] @indent

[
  "}"
  ")"
  "]"
] @outdent
