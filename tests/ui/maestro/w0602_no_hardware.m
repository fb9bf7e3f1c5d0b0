// error: W0602 at 3:9
// fix: none
Network n {
  Layer l { Type: CONV Dimensions { K: 256, C: 3, R: 3, S: 3, Y: 8, X: 8 } Dataflow { SpatialMap(1,1) K } }
}
