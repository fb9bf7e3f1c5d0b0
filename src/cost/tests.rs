//! Closed forms of the sample in `sample.rs`, and the errors.

use super::sample::{context, counts, mapping, technology};
use super::tech::{Action, Built, Entry, Precision, Technology};
use super::*;
use crate::ir::OperationKind;

fn close(left: f64, right: f64) -> bool {
    (left - right).abs() <= 1e-9 * right.abs().max(1.0)
}

fn total(technology: &Technology) -> f64 {
    evaluate(technology, &context(), &mapping(), &counts())
        .map_or(f64::NAN, |cost| cost.energy.total_pj)
}

// MACs 24 * 0.25 = 6. DRAM: 20 + 6 * 4 = 44 bytes at 16 = 704. SRAM at 8 pJ/byte: reads 20 + 24 = 44, writes the
// same = 704. RF at 1 pJ/byte: reads 24 + 24 + 24 * 4 = 144, writes 8 + 24 + 24 * 4 = 128. Hops 8 + 24 + 24 bytes at
// 2 = 112.
const TOTAL: f64 = 6.0 + 704.0 + 704.0 + 144.0 + 128.0 + 112.0;

#[test]
fn energy_is_counts_times_prices() {
    assert!(
        close(total(&technology()), TOTAL),
        "{}",
        total(&technology())
    );
}

#[test]
fn the_total_alone_is_the_same() {
    let prices = Prices::new(&technology(), &context(), &mapping());
    let alone = total_pj(&prices, &mapping(), &counts()).unwrap();
    assert!(close(alone, TOTAL));
}

#[test]
fn every_term_names_its_entry() {
    let cost = evaluate(&technology(), &context(), &mapping(), &counts()).unwrap();
    let read = cost
        .energy
        .terms
        .iter()
        .find(|term| {
            term.component
                == Component::Read {
                    memory: 1,
                    tensor: 0,
                }
        })
        .unwrap();
    assert_eq!(read.price.label, "t: read(SRAM, 1KiB, 32b)");
    assert!(close(read.pj, 64.0));
}

#[test]
fn static_power_runs_for_the_whole_time() {
    let mut with = technology();
    with.entries.push(Entry::new("t", Action::Static, 2.0));
    // 16 cycles at 1 GHz are 16 ns; 2 mW * 16 ns = 32 pJ.
    assert!(close(total(&with), TOTAL + 32.0));
    let mut clockless = context();
    clockless.clock_hz = None;
    let errors = evaluate(&with, &clockless, &mapping(), &counts()).unwrap_err();
    assert_eq!(errors, [CostError::MissingClock]);
}

#[test]
fn a_missing_entry_is_named_once() {
    let int16 = Precision::from_name("INT16").unwrap();
    let mut without = technology();
    without
        .entries
        .retain(|entry| !matches!(entry.action, Action::Mac(_) | Action::Hop { .. }));
    without
        .entries
        .push(Entry::new("t", Action::Mac(int16), 1.0));
    let errors = evaluate(&without, &context(), &mapping(), &counts()).unwrap_err();
    assert_eq!(
        errors,
        [
            CostError::MissingEntry {
                action: "mac(INT8)".to_owned(),
                have: vec!["mac(INT16)".to_owned()]
            },
            CostError::MissingEntry {
                action: "hop".to_owned(),
                have: Vec::new()
            },
        ]
    );
    assert_eq!(errors[0].code(), "E0503");
}

#[test]
fn what_does_not_happen_needs_no_price() {
    let mut without = technology();
    without
        .entries
        .retain(|entry| !matches!(entry.action, Action::Hop { .. }));
    let mut still = counts();
    for boundary in &mut still.boundaries {
        for tensor in &mut boundary.tensors {
            tensor.hops = 0;
        }
    }
    let cost = evaluate(&without, &context(), &mapping(), &still).unwrap();
    assert!(close(cost.energy.total_pj, TOTAL - 112.0));
}

#[test]
fn a_capacity_outside_the_table_is_an_error_unless_extrapolated() {
    let mut big = mapping();
    big.architecture.memories[1].capacity_bits = Some(4096 * 8);
    let errors = evaluate(&technology(), &context(), &big, &counts()).unwrap_err();
    assert_eq!(errors[0].code(), "E0504");
    assert_eq!(
        errors[0].to_string(),
        "read(SRAM, 4KiB) is outside the table of the technology, which goes from \
         t: read(SRAM, 1KiB, 32b) to t: read(SRAM, 1KiB, 32b)"
    );
    let mut daring = technology();
    daring.extrapolate = true;
    assert!(evaluate(&daring, &context(), &big, &counts()).is_ok());
}

#[test]
fn the_memory_s_own_figures_win() {
    let mut own = context();
    own.memories[1].read = Some(OwnPrice {
        pj: 3.0,
        width_bits: None,
    });
    let cost = evaluate(&technology(), &own, &mapping(), &counts()).unwrap();
    // 26 elements read from the buffer at 3 pJ instead of 44 bytes at 8.
    assert!(close(cost.energy.total_pj, TOTAL - 44.0 * 8.0 + 78.0));
}

// 26 elements of 44 bytes, as above: 352 bits at 0.5 pJ, or in accesses of 64 bits at 32 pJ.
#[test]
fn own_figures_per_bit_and_per_access() {
    for (pj, width) in [(0.5, 1), (32.0, 64)] {
        let mut own = context();
        own.memories[1].read = Some(OwnPrice {
            pj,
            width_bits: Some(width),
        });
        let cost = evaluate(&technology(), &own, &mapping(), &counts()).unwrap();
        assert!(close(cost.energy.total_pj, TOTAL - 44.0 * 8.0 + 176.0));
    }
}

#[test]
fn class_decides_which_table() {
    let mut as_rf = context();
    as_rf.memories[2].class = Some("SRAM".to_owned());
    let errors = evaluate(&technology(), &as_rf, &mapping(), &counts()).unwrap_err();
    assert!(errors.iter().all(|error| error.code() == "E0504"));
}

#[test]
fn density_scales_accesses_and_products() {
    let mut sparse = mapping();
    sparse.operation.tensors[0].density = 0.5;
    sparse.operation.tensors[1].density = 0.25;
    let cost = evaluate(&technology(), &context(), &sparse, &counts()).unwrap();
    // Input: DRAM 8 * 16, SRAM 16 * 8, RF 24 + 8, hops 8 * 2 = 304. Weight: 12 * 16 + 24 * 8 + 24 + 24 + 24 * 2 = 480.
    let expected = TOTAL - 6.0 * 0.875 - 304.0 * 0.5 - 480.0 * 0.75;
    assert!(close(cost.energy.total_pj, expected));
    assert!(close(cost.energy.dense_total_pj, TOTAL));
}

// The result complete in 8 bits, its partial sums in 32. RF: of 24 reads the 6 that leave are complete, of 24 writes
// those that complete them; they and the 6 that cross and arrive further out take 8 bits, so at 1 / 8 / 16 pJ per byte
// each of RF twice 6 * 3 bytes less, SRAM twice 6 * 3 * 8, DRAM 6 * 3 * 16, and at 2 pJ 6 * 3 bytes of hops.
fn narrow() -> (crate::ir::Mapping, crate::engine::Counts) {
    let (mut mapping, mut counts) = (mapping(), counts());
    mapping.operation.tensors[2].bits = 8;
    counts.memories[0].tensors[2].complete_writes = 6;
    let inside = [1, 2];
    for memory in inside {
        counts.memories[memory].tensors[2].complete_reads = 6;
        counts.memories[memory].tensors[2].complete_writes = 6;
    }
    (mapping, counts)
}

const NARROW: f64 = TOTAL - 36.0 - 288.0 - 288.0 - 36.0;

#[test]
fn energy_follows_the_width_of_the_sum() {
    let (mapping, counts) = narrow();
    let cost = evaluate(&technology(), &context(), &mapping, &counts).unwrap();
    assert!(
        close(cost.energy.total_pj, NARROW),
        "{}",
        cost.energy.total_pj
    );
    let read = Component::Read {
        memory: 2,
        tensor: 2,
    };
    let read = cost.energy.terms.iter().find(|t| t.component == read);
    // 18 partial sums of 32 bits and 6 results of 8.
    assert_eq!(read.map(|term| term.count), Some(18 * 32 + 6 * 8));
}

// Density of the result thins what is complete: of RF 18 partial reads stay (4 pJ each) and 6 of 1 pJ are halved, and so
// on: exactly the complete part of the figures above, which is 6 bytes in each of six places.
#[test]
fn partial_sums_are_dense() {
    let (mut mapping, counts) = narrow();
    mapping.operation.tensors[2].density = 0.5;
    let cost = evaluate(&technology(), &context(), &mapping, &counts).unwrap();
    let complete = 6.0 * (16.0 + 8.0 + 8.0 + 1.0 + 1.0 + 2.0);
    assert!(close(cost.energy.total_pj, NARROW - complete / 2.0));
    assert!(close(cost.energy.dense_total_pj, NARROW));
}

/// Alters one field, by name.
type Alter<T> = (&'static str, fn(&mut T));

// Law 6: each term is its count times its price, the total their sum.
#[test]
fn an_energy_that_does_not_add_up_is_seen() {
    let (mut mapping, counts) = narrow();
    mapping.operation.tensors[2].density = 0.5;
    let prices = Prices::new(&technology(), &context(), &mapping);
    let whole = energy(&prices, &mapping, &counts).unwrap();
    assert!(super::energy::adds_up(&whole, &prices, &mapping, &counts));
    let of_terms: [Alter<EnergyTerm>; 6] = [
        ("count", |term| term.count += 1),
        ("effective", |term| term.effective += 1.0),
        ("pj", |term| term.pj += 1.0),
        ("dense_pj", |term| term.dense_pj += 1.0),
        ("price", |term| term.price.pj += 1.0),
        ("component", |term| term.component = Component::Static),
    ];
    for index in 0..whole.terms.len() {
        for (field, alter) in of_terms {
            let mut altered = whole.clone();
            alter(&mut altered.terms[index]);
            let holds = super::energy::adds_up(&altered, &prices, &mapping, &counts);
            assert!(!holds, "{field} of {:?}", whole.terms[index]);
        }
        let mut lacking = whole.clone();
        lacking.terms.remove(index);
        assert!(!super::energy::adds_up(
            &lacking, &prices, &mapping, &counts
        ));
    }
    let of_all: [Alter<Energy>; 3] = [
        ("total_pj", |energy| energy.total_pj += 1.0),
        ("dense_total_pj", |energy| energy.dense_total_pj += 1.0),
        ("terms", |energy| energy.terms.push(energy.terms[0].clone())),
    ];
    for (field, alter) in of_all {
        let mut altered = whole.clone();
        alter(&mut altered);
        let holds = super::energy::adds_up(&altered, &prices, &mapping, &counts);
        assert!(!holds, "{field}");
    }
    assert_eq!(CostError::Law.code(), "E0602");
    assert!(CostError::Law.to_string().contains(ENERGY_LAW));
}

#[test]
fn pooling_is_priced_per_operation() {
    let mut pool = mapping();
    pool.operation.kind = OperationKind::Reduce;
    let cost = evaluate(&technology(), &context(), &pool, &counts()).unwrap();
    assert!(close(cost.energy.total_pj, TOTAL - 3.0));
}

// MAESTRO's area formula (its analysis of PEs, buffers, bus and arbiter), for P = 2, V = 1, L1 = 32, L2 = 1024 and 8
// bytes per cycle; it multiplies the bus regression by the bandwidth.
#[test]
fn maestro_s_area_formula_can_be_written_as_a_technology() {
    let byte = |class: &str| Action::BuiltMemory {
        built: Built::Area,
        class: class.to_owned(),
        capacity_bits: 8,
    };
    let mut maestro = technology();
    maestro.extrapolate = true;
    maestro.entries.extend([
        Entry::new("m", Action::BuiltMac(Built::Area, Precision::INT8), 283.0),
        Entry::new("m", byte("SRAM"), 0.104),
        Entry::new("m", byte("RF"), 0.104),
        Entry::new(
            "m",
            Action::BuiltBus {
                built: Built::Area,
                slope: 14.662,
                intercept: 28.895,
            },
            101.79,
        ),
        Entry::new(
            "m",
            Action::BuiltArbiter {
                built: Built::Area,
                quadratic: 1.2886,
                linear: 5.5814,
                constant: -23.711,
            },
            395.473,
        ),
    ]);
    let expected = 2.0 * (283.0 + 0.104 * 32.0)
        + 0.104 * 1024.0
        + 101.79 * (14.662 * 2.0 + 28.895) * 8.0
        + 395.473;
    match area(&maestro, &context(), &mapping().architecture) {
        Area::Known { total_um2, .. } => assert!(close(total_um2, expected)),
        Area::Absent(absent) => panic!("{absent}"),
    }
}

#[test]
fn no_area_entries_no_area() {
    assert_eq!(
        area(&technology(), &context(), &mapping().architecture),
        Area::Absent(AreaAbsent::NoEntries)
    );
}
