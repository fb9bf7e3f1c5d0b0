// Windows that hold the kernel move by the stride; windows larger than the layer map all of it.
Network strides {
  Layer first {
    Type: CONV
    Stride { X: 2, Y: 2 }
    Dimensions { K: 8, C: 3, R: 3, S: 3, Y: 13, X: 13 }
    Dataflow {
      SpatialMap(1,1) K;
      TemporalMap(16,16) C;
      TemporalMap(Sz(R),Sz(R)) R;
      TemporalMap(Sz(S),Sz(S)) S;
      TemporalMap(Sz(R),1) Y;
      TemporalMap(Sz(S),1) X;
      Cluster(4, P);
      SpatialMap(1,1) C;
      TemporalMap(Sz(R),1) Y;
      TemporalMap(Sz(S),1) X;
    }
  }
  Layer second {
    Type: CONV
    Stride { X: 1, Y: 1 }
    Dimensions { K: 16, C: 32, R: 3, S: 3, Y': 6, X': 6 }
    Dataflow {
      SpatialMap(1,1) K;
      TemporalMap(16,16) C;
      TemporalMap(Sz(R),Sz(R)) R;
      TemporalMap(Sz(S),Sz(S)) S;
      TemporalMap(Sz(R),1) Y;
      TemporalMap(Sz(S),1) X;
      Cluster(4, P);
      SpatialMap(1,1) C;
      TemporalMap(Sz(R),1) Y;
      TemporalMap(Sz(S),1) X;
    }
  }
  Layer wide {
    Type: CONV
    Stride { X: 2, Y: 2 }
    Dimensions { K: 4, C: 4, R: 3, S: 3, Y: 11, X: 23 }
    Dataflow { SpatialMap(1,1) Y'; TemporalMap(10,8) X; TemporalMap(4,4) C }
  }
}
