(dataflow
  body: (_) @function.inside) @function.around

(layer
  body: (_) @class.inside) @class.around

(network
  body: (_) @class.inside) @class.around

(accelerator
  body: (_) @class.inside) @class.around

(parameter) @parameter.inside

(argument) @parameter.inside

(line_comment)+ @comment.around

(block_comment) @comment.around
