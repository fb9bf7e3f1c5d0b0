// error: E0102 at 3:11
Network n {
  Layer a { Type: GEMM Dimensions { M: 4, N: 4, K: 4 } Dataflow { SpatialMap(1,1) M }
  Layer b { Type: GEMM Dimensions { M: 4, N: 4, K: 8 } }
}
Accelerator { PE { NumPEs: 4 } }
