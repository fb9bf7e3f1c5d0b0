// Every separator, and the same layer each time.
Constant SzK 8;
Constant Tile:2;

Network sep-a.1 {
  // A comment before a layer.
  Layer res-2a.conv {
    Type: CONV
    Dimensions { K: SzK, C: 6, R: 3, S: 3, Y: 10, X: 10 }
    Dataflow {
      SpatialMap(Tile,Tile) K; // outputs
      // Inputs, one by one.
      TemporalMap(1,1) C;
      TemporalMap(Sz(R),1) Y;
      TemporalMap(Sz(S),1) X;
    }
  }
  Layer 3x3 {Type CONV Dimensions{K SzK,C 6,R 3,S 3,Y 10,X 10}Dataflow{SpatialMap Tile,Tile K
    TemporalMap 1 1 C
    TemporalMap:Sz:R->1->Y
    TemporalMap(Sz(S);1)X}} // glued
  Layer tile {
    Type: CONV
    Dimensions { K: SzK; C: 6; R: 3; S: 3; Y: 10; X: 10 }
  }
}
