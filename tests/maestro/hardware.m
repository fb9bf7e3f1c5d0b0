num_pes: 16
l1_size_cstr: 4000
l2_size_cstr: 300000
noc_bw_cstr: 100
offchip_bw_cstr: 50
NoC_NumHops: 2
