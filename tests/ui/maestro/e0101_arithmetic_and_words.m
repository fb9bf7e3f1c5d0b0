// error: E0101 at 11:38
// error: E0101 at 12:19
// error: E0101 at 16:16
// fix: none
// What the tool makes of these: a parse error without a place, or (1.5) another number.
Constant Sz4 4;
Network n {
  Layer conv {
    Type: CONV Dimensions { K: 4, C: 6, R: 3, S: 3, Y: 8, X: 8 }
    Dataflow {
      TemporalMap(1,1) K; SpatialMap(8+Sz(S)-1,8) X;
      TemporalMap(1.5,1) C;
    }
  }
  Layer pad {
    Type: CONV Padding { Y: 1 } Dimensions { K: 4, C: 6, R: 3, S: 3, Y: 8, X: 8 } Dataflow { TemporalMap(Sz4,Sz4) C }
  }
}
Accelerator { PE { NumPEs: 1 } }
