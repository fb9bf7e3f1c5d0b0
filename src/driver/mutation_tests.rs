//! No input may panic: files that are nearly right, in their thousands.

use super::tests::run;

const SEEDS: [&str; 3] = [
    "const T = 4; use std.dataflows.{nvdla, gemm_os as gemm};
     Network n {
       Layer a { Type: CONV; Groups: 2; Dimensions { N: 1, K: 8, C: 4, Y: 9, X: 7, R: 3, S: 3 } Stride { Y: 2 } Padding { Y: (0,1), X: 1 } Dilation { S: 2 } }
       Layer b { Type: POOL; Op: max; Dimensions { C: 8, Y: 4, X: 5, R: 2, S: 2 } }
       Layer c { Type: FC; Dimensions { K: 2, C: 96 } Precision { Input: INT8 } Density { Weight: 0.5 } }
       Layer d { Type: EINSUM; Inputs: c, external; Ranks { M: 2, P: 3, R: 2 } Compute: O[m,p] += I[m,p + 2*r - 1] * W[r]; }
       Layer e { Type: TRCONV; Inputs: external; Dimensions { K: 2, C: 4, Y: 3, X: 3, R: 2, S: 2 } Stride { Y: 2, X: 2 } }
       Layer f { Type: LSTM; Steps: 3; Inputs: external; Dimensions { D: 4, H: 5 } }
       Layer g { Type: ADD; Inputs: a, external; Dimensions { C: 8, Y: 4, X: 5 } }
     }
     Accelerator acc {
       Clock: 200MHz; Precision: INT16; Technology: std.technology.cacti28;
       Memory DRAM { Bandwidth: 1GB/s } Level L { Memory F { Size: 2KiB; Holds: Weight } Memory I { Holds: Input, Output } }
       Array PE { Shape: [4, 2]; NoC { Bandwidth: 8B/cycle; Latency: 2cycles; Forwarding: true } }
       Memory RF { Size: 64; DoubleBuffered } Compute MAC { Lanes: 2 }
     }
     Dataflow df(t = 2, u) on acc { at DRAM { tile K by min(t, Sz(K)); } spread C by u over PE[0]; spread Y' by 1 over PE; retain Weight in F; bypass Input in I; }
     Map n on acc { default: nvdla(c_tile = T / 2); default FC, LSTM: gemm; a: df(u = 1); d: { TemporalMap(1,1) P; SpatialMap(1,1) M; Cluster(2, L); SpatialMap(1,1) R }; }",
    super::tests::FIG_8,
    "Technology t { Node: 28nm; extrapolate; mac(INT8): 0.23pJ; read(SRAM, 64KiB): 2 * 1.5pJ; area_arbiter(1.2, -3.5, 4): 39um2; }
     Accelerator { PE { NumPEs: 8 } Buffer { GlobalL2: 2KiB; LocalL1: 64 } OffChip { Bandwidth: 4 } Technology: t; }
     Network m { Macs: 16; Layer x { Type: GEMM; Dimensions { M: 2, N: 2, K: 4 } Dataflow { TemporalMap(1,1) K; } } }",
];

/// Where a token of the text begins and ends, roughly.
fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let end = if word(first) {
            rest.find(|c: char| !word(c)).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        tokens.push(&rest[..end]);
        rest = &rest[end..];
    }
    tokens
}

#[test]
fn nearly_right_files_do_not_panic() {
    // A linear congruence is random enough, and the same on every run.
    let mut state = 12345u64;
    let mut random = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below.max(1)
    };
    let strange = [
        "0",
        "1",
        "18446744073709551615",
        "9223372036854775807",
        "-1",
        "external",
        "K",
        "Sz(K)",
        "{",
        "}",
        "INT8",
        "1.5",
        "2KiB",
        "std",
        "Y'",
        "Layer",
        "Type",
        "CONV",
        "EINSUM",
        "DRAM",
        "PE",
        ";",
        "(1, 2)",
        "[0]",
        "4000000000",
    ];
    let (mut clean, mut lowered) = (0, 0);
    for round in 0..3000 {
        let seed = SEEDS[round % SEEDS.len()];
        let mut words = tokens(seed);
        for _ in 0..=random(2) {
            let at = random(words.len());
            match random(4) {
                0 => {
                    words.remove(at);
                }
                1 => words.insert(at, words[random(words.len())]),
                2 => words[at] = words[random(words.len())],
                _ => words[at] = strange[random(strange.len())],
            }
        }
        let text = words.concat();
        let (_, plans, messages) = run(&text);
        clean += usize::from(messages.is_empty());
        lowered += plans
            .iter()
            .flat_map(|plan| &plan.layers)
            .filter(|layer| layer.lowered.is_some())
            .count();
        for plan in &plans {
            for layer in plan
                .layers
                .iter()
                .filter_map(|layer| layer.lowered.as_ref())
            {
                valid(layer);
            }
        }
    }
    // The mutations must reach the later stages, or they would test only the parser.
    assert!(clean > 100 && lowered > 1000, "{clean} {lowered}");
}

/// The invariants of the ir that `lower` promises.
fn valid(lowered: &crate::lower::Lowered) {
    let mapping = &lowered.mapping;
    let (operation, schedule) = (&mapping.operation, &mapping.schedule);
    assert!(operation.ranks.iter().all(|&extent| extent > 0));
    assert_eq!(
        schedule.positions.len(),
        mapping.architecture.memories.len()
    );
    assert!(schedule.loops.is_sorted_by_key(|l| l.level));
    for l in &schedule.loops {
        assert!(l.instances() > 0);
        assert!(l.moves.iter().all(|step| step.size > 0 && step.offset > 0));
    }
    for array in 0..mapping.architecture.arrays.len() {
        let used: u64 = schedule
            .loops
            .iter()
            .filter(|l| l.array() == Some(array))
            .map(|l| l.instances())
            .product();
        assert!(used <= mapping.architecture.arrays[array].size());
    }
    for row in &schedule.positions {
        assert_eq!(row.len(), operation.tensors.len());
        assert!(
            row.iter()
                .flatten()
                .all(|&position| position <= schedule.leaf)
        );
    }
    for tensor in 0..operation.tensors.len() {
        let chain = schedule.positions.iter().filter_map(|row| row[tensor]);
        // Provisional places are at the leaf and may be behind those of the memories inside.
        if lowered.automatic.is_empty() {
            assert!(chain.is_sorted());
        }
    }
    assert!(schedule.leaf <= schedule.loops.len());
    for (memory, row) in schedule.positions.iter().enumerate() {
        let above = mapping.architecture.memories[memory].arrays_above;
        let last = schedule
            .loops
            .iter()
            .rposition(|l| l.array().is_some_and(|array| array < above));
        if let Some(last) = last {
            assert!(row.iter().flatten().all(|&position| position > last));
        }
    }
}
