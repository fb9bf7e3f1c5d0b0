(const
  ["const" "Constant"] @context
  name: (name) @name) @item

(technology
  "Technology" @context
  name: (name) @name) @item

(accelerator
  "Accelerator" @name
  name: (name)? @name) @item

(network
  "Network" @context
  name: (name) @name) @item

(layer
  "Layer" @context
  name: (name) @name) @item

(dataflow
  "Dataflow" @context
  name: (name) @name) @item

(map
  "Map" @context
  network: (path) @name
  "on" @context
  accelerator: (path) @name) @item

(fuse
  "Fuse" @context
  layer: (name) @name) @item
