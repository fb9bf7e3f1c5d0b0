// error: W0601 at 9:76
// fix: none
// 25 outputs over 8 PEs. The tool: (24 + 3) * 3 rows * 27 * 4 = 8,748; there are 25 * 3 * 27 * 4 = 8,100. In the second layer 41
// outputs of 5 rows.
Network n {
  Layer a {
    Type: CONV
    Dimensions { K: 4, C: 3, R: 3, S: 3, Y: 5, X: 27 }
    Dataflow { TemporalMap(1,1) K; TemporalMap(1,1) C; TemporalMap(3,1) Y; SpatialMap(3,1) X }
  }
  Layer b {
    Type: CONV
    Dimensions { K: 4, C: 3, R: 3, S: 3, Y: 7, X: 43 }
    Dataflow { TemporalMap(1,1) K; TemporalMap(1,1) C; TemporalMap(3,1) Y; SpatialMap(3,1) X }
  }
}
Accelerator { PE { NumPEs: 8 } }
