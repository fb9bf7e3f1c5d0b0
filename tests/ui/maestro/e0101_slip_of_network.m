// error: E0101 at 3:1
// The tool passes over the word and ends without one: here the slip is named.
Netwrk n {
  Layer g { Type: GEMM Dimensions { M: 4, N: 4, K: 4 } Dataflow { SpatialMap(1,1) M } }
}
Accelerator { PE { NumPEs: 4 } }
