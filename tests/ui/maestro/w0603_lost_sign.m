// error: W0603 at 6:28
// error: W0603 at 6:31
Network n {
  Layer l {
    Type: CONV Dimensions { K: 6, C: 3, R: 3, S: 3, Y: 8, X: 8 }
    Dataflow { TemporalMap(-3,-3) K }
  }
}
Accelerator { PE { NumPEs: 1 } }
