//! Numbers that are the same in every run (SplitMix64).

pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// At least `from`, at most `to`.
    pub fn within(&mut self, from: u64, to: u64) -> u64 {
        from + self.next() % (to - from + 1)
    }

    /// An index into a list of so many, which are at least one.
    pub fn index(&mut self, count: usize) -> usize {
        (self.next() % count.max(1) as u64) as usize
    }

    pub fn one<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.index(list.len())]
    }

    pub fn once_in(&mut self, times: u64) -> bool {
        self.next().is_multiple_of(times)
    }

    /// A number as somebody would write it: mostly small, sometimes round, seldom absurd.
    pub fn number(&mut self) -> u64 {
        const ROUND: &[u64] = &[16, 28, 32, 56, 64, 112, 128, 224, 256, 512, 768, 1024, 4096];
        const ABSURD: &[u64] = &[
            0,
            65_535,
            1_000_003,
            16_777_216,
            100_000_000,
            4_294_967_296,
            1 << 40,
            1 << 48,
            (1 << 48) + 1,
            1 << 63,
            u64::MAX,
        ];
        match self.within(0, 99) {
            0..70 => self.within(1, 16),
            70..95 => *self.one(ROUND),
            _ => *self.one(ABSURD),
        }
    }
}
