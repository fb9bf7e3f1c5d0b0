// error: E0404 at 10:7
// fix: none
// Figure 8 of the paper with an X where its inner Y is: kernel rows do not move with input columns.
Network n {
  Layer conv {
    Type: CONV
    Dimensions { K: 4, C: 6, R: 3, S: 3, Y: 8, X: 8 }
    Dataflow { TemporalMap(2,2) K; TemporalMap(3,3) C; SpatialMap(3,1) Y; TemporalMap(3,1) X; Cluster(3,P);
      SpatialMap(1,1) X;
      SpatialMap(1,1) R; TemporalMap(3,3) S }
  }
}
Accelerator { PE { NumPEs: 18 } }
