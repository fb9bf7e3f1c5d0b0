Network types {
  Layer dw {
    Type: DSCONV
    Stride { X: 1, Y: 1 }
    Dimensions { K: 1, C: 16, R: 3, S: 3, Y: 12, X: 12 }
    Dataflow { SpatialMap(1,1) C; TemporalMap(1,1) K; TemporalMap(Sz(R),1) Y; TemporalMap(Sz(S),1) X }
  }
  Layer grouped {
    Type: NGCONV
    Dimensions { G: 4, K: 4, C: 4, R: 3, S: 3, Y: 8, X: 8 }
    Dataflow { TemporalMap(1,1) G; SpatialMap(1,1) K; TemporalMap(4,4) C }
  }
  Layer product {
    Type: GEMM
    Dimensions { M: 10, N: 12, K: 20 }
    Dataflow { TemporalMap(1,1) N; SpatialMap(1,1) M; TemporalMap(20,20) K; Cluster(4, L); SpatialMap(1,1) K }
  }
  Layer dense {
    Type: FC
    Dimensions { K: 10, C: 32 }
    Dataflow { SpatialMap(1,1) K; TemporalMap(8,8) C }
  }
  Layer flat {
    Type: FC
    Dimensions { K: 10, C: 8, R: 4, S: 4, Y: 4, X: 4 }
    Dataflow { SpatialMap(1,1) K; TemporalMap(8,8) C }
  }
  Layer pooled {
    Type: POOL
    Stride { X: 2, Y: 2 }
    Dimensions { K: 1, C: 8, R: 2, S: 2, Y: 8, X: 8 }
    Dataflow { SpatialMap(1,1) C; TemporalMap(1,1) Y'; TemporalMap(1,1) X' }
  }
  Layer up {
    Type: TRCONV
    Dimensions { K: 4, C: 4, R: 2, S: 2, Y: 5, X: 5 }
    Dataflow { SpatialMap(1,1) K }
  }
  Layer cell {
    Type: LSTM
    Dimensions { D: 6, H: 4 }
    Dataflow { SpatialMap(1,1) K; TemporalMap(2,2) C }
  }
}
// The paper's own block.
Accelerator hw {
  PE { NumPEs: 64; VectorWidth: 2; MultPrecision: INT8, AddPrecision: INT16 }
  Buffer { GlobalL2: 65536; LocalL1: 2048 }
  NoC { Bandwidth: 64; AvgLatency: 2 }
}
