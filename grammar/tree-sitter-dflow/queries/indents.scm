; In the words of Neovim; editors/helix and editors/zed have their own.

[
  (body)
  (dataflow_body)
  (map)
  (fuse_body)
  (stages)
  (parameters)
  (arguments)
  (list)
] @indent.begin

"}" @indent.end

[
  "}"
  ")"
  "]"
] @indent.branch

(block_comment) @indent.ignore

(ERROR
  "{") @indent.begin
