//! Which flow passes through which port and link.

use super::counts::{Port, Resource, Way};
use super::flows::{Crossing, Flows, Passing, Transfer, Use};
use crate::ir::{Mapping, Ports, Rate};
use smallvec::SmallVec;

impl Flows {
    pub(super) fn port(&self, memory: usize, way: Port) -> Option<usize> {
        self.resources
            .iter()
            .position(|(resource, _)| match *resource {
                Resource::Port { memory: m, port } => {
                    m == memory && (port == way || port == Port::Both)
                }
                Resource::Link { .. } => false,
            })
    }

    pub(super) fn link(&self, array: usize, tensor: usize, way: Way) -> Option<usize> {
        self.resources
            .iter()
            .position(|(resource, _)| match *resource {
                Resource::Link {
                    array: a,
                    tensor: t,
                    way: w,
                } => a == array && w == way && t.is_none_or(|t| t == tensor),
                Resource::Port { .. } => false,
            })
    }

    /// Which flow passes through which resource.
    pub(super) fn wire(&mut self, mapping: &Mapping) {
        let architecture = &mapping.architecture;
        for number in 0..self.sites.len() {
            let site = self.sites[number].clone();
            let mut uses: SmallVec<[Use; 6]> = SmallVec::new();
            for (at, slot) in site.slots.iter().enumerate() {
                let (parent, child) = match slot.crossing {
                    Crossing::Boundary(b) => {
                        (self.boundaries[b].parent, Some(self.boundaries[b].child))
                    }
                    Crossing::Home(h) => (self.homes[h].memory, None),
                };
                let mut add = |resource: Option<usize>, passing| {
                    if let Some(resource) = resource {
                        uses.push(Use {
                            resource,
                            slot: at,
                            passing,
                        });
                    }
                };
                // Nothing comes down to the lanes of a result.
                let comes = !(site.lanes && slot.is_result);
                if slot.above == site.depth {
                    if comes {
                        add(self.port(parent, Port::Read), Passing::Down);
                    }
                    if slot.is_result {
                        add(self.port(parent, Port::Write), Passing::UpPort);
                        add(self.port(parent, Port::Read), Passing::Add);
                    }
                }
                if site.depth < slot.below {
                    if comes {
                        add(self.link(site.depth, slot.tensor, Way::Down), Passing::Down);
                    }
                    if slot.is_result {
                        add(self.link(site.depth, slot.tensor, Way::Up), Passing::UpLink);
                    }
                }
                if let Some(child) = child
                    && site.depth == slot.below
                {
                    add(self.port(child, Port::Write), Passing::Down);
                    if slot.is_result {
                        add(self.port(child, Port::Read), Passing::UpLink);
                    }
                }
            }
            self.uses.push(uses);
        }
        for number in 0..self.boundaries.len() {
            let b = self.boundaries[number].clone();
            let mut transfer = Transfer {
                overlaps: architecture.memories[b.child].overlaps(),
                ..Transfer::default()
            };
            let mut down = [
                self.port(b.parent, Port::Read),
                self.port(b.child, Port::Write),
            ]
            .into_iter()
            .flatten()
            .collect::<SmallVec<[usize; 4]>>();
            let mut up = [
                self.port(b.parent, Port::Write),
                self.port(b.child, Port::Read),
            ]
            .into_iter()
            .flatten()
            .collect::<SmallVec<[usize; 4]>>();
            let mut latency = 0u64;
            for array in b.above..b.below {
                for &tensor in &b.tensors {
                    down.extend(self.link(array, tensor, Way::Down));
                    if tensor == mapping.operation.result() {
                        up.extend(self.link(array, tensor, Way::Up));
                    }
                }
                let network = &architecture.arrays[array].network;
                if network.is_timed() {
                    transfer.timed = true;
                    latency = latency.saturating_add(network.latency.unwrap_or(1));
                }
                let first = architecture.arrays[array].shape.first().copied();
                transfer.rows = transfer
                    .rows
                    .saturating_add(first.unwrap_or(1).saturating_mul(network.skew));
            }
            down.sort_unstable();
            down.dedup();
            up.sort_unstable();
            up.dedup();
            transfer.latency = latency.saturating_sub(1);
            (transfer.down, transfer.up) = (down, up);
            self.transfers.push(transfer);
        }
        for home in 0..self.homes.len() {
            let mut taken: SmallVec<[usize; 4]> = SmallVec::new();
            for number in self.lanes..self.sites.len() {
                for one in &self.uses[number] {
                    if self.sites[number].slots[one.slot].crossing == Crossing::Home(home) {
                        taken.push(one.resource);
                    }
                }
            }
            taken.sort_unstable();
            taken.dedup();
            self.issues.push(taken);
        }
    }
}

/// Everything with a bandwidth, in the order of [`super::Counts::resources`].
pub(super) fn resources(mapping: &Mapping) -> Vec<(Resource, Rate)> {
    let mut found = Vec::new();
    for (memory, at) in mapping.architecture.memories.iter().enumerate() {
        let ports: [(Port, Option<Rate>); 2] = match at.ports {
            Ports::One(rate) => [(Port::Both, Some(rate)), (Port::Both, None)],
            Ports::Two { read, write } => [(Port::Read, read), (Port::Write, write)],
        };
        for (port, rate) in ports {
            found.extend(rate.map(|rate| (Resource::Port { memory, port }, rate)));
        }
    }
    for (array, at) in mapping.architecture.arrays.iter().enumerate() {
        let links = at.network.links;
        let mut link = |tensor, way, rate: Option<Rate>| {
            let resource = Resource::Link { array, tensor, way };
            found.extend(rate.map(|rate| (resource, rate)));
        };
        if links.is_per_tensor() {
            for (number, tensor) in mapping.operation.tensors.iter().enumerate() {
                let rate = links.rate(tensor.role);
                link(Some(number), Way::Down, rate);
                if number == mapping.operation.result() {
                    link(Some(number), Way::Up, rate);
                }
            }
        } else {
            let rate = links.total();
            link(None, Way::Down, rate);
            link(None, Way::Up, rate);
        }
    }
    found
}
