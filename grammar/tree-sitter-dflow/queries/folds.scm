; Everything between braces, and comments of several lines.

[
  (technology)
  (accelerator)
  (network)
  (dataflow)
  (map)
  (search)
  (explore)
  (layer)
  (layer_dataflow)
  (block)
  (at)
  (fuse)
  (fuse_tile)
  (stages)
  (block_comment)
] @fold

(line_comment)+ @fold

(use)+ @fold
