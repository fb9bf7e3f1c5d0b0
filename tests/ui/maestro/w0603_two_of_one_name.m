// error: W0603 at 5:9
// fix: none
Network n {
  Layer l { Type: CONV Dimensions { K: 6, C: 3, R: 3, S: 3, Y: 8, X: 8 } Dataflow { TemporalMap(3,3) K } }
  Layer l { Type: CONV Dimensions { K: 9, C: 3, R: 3, S: 3, Y: 8, X: 8 } }
}
Accelerator { PE { NumPEs: 1 } }
