//! Where the boxes of a lineage stand: in layers from left to right, each model right of all it reads, with as few
//! crossing links as a few sweeps find. A link that spans several layers gets a lane of its own in those between.

use std::collections::BTreeMap;

/// A box to be placed.
#[derive(Debug, Clone)]
pub struct Block {
    /// Its width, at least.
    pub width: f64,
    /// Its height.
    pub height: f64,
    /// The blocks it reads, which stand before it in the list.
    pub reads: Vec<usize>,
}

/// Where everything is.
#[derive(Debug, Clone, Default)]
pub struct Layout {
    /// Left upper corner of each block.
    pub corners: Vec<(f64, f64)>,
    /// Width of each block: that of the widest in its layer.
    pub widths: Vec<f64>,
    /// For each link (from, to): the points that it passes between its ends, from left to right.
    pub lanes: BTreeMap<(usize, usize), Vec<(f64, f64)>>,
    /// Width of the whole.
    pub width: f64,
    /// Height of the whole.
    pub height: f64,
}

const LAYER_GAP: f64 = 84.0;
const GAP: f64 = 18.0;
const LANE: f64 = 6.0;
const SWEEPS: usize = 12;

/// A block, or the lane of a link in a layer.
#[derive(Debug)]
struct Item {
    layer: usize,
    height: f64,
    /// Items in the layer before and in the one after.
    before: Vec<usize>,
    after: Vec<usize>,
    top: f64,
}

impl Item {
    fn middle(&self) -> f64 {
        self.top + self.height / 2.0
    }
}

/// Places the blocks.
pub fn place(blocks: &[Block]) -> Layout {
    let mut layer_of: Vec<usize> = Vec::with_capacity(blocks.len());
    for block in blocks {
        layer_of.push(block.reads.iter().map(|read| layer_of[*read] + 1).max().unwrap_or(0));
    }
    let new = |layer, height| Item { layer, height, before: Vec::new(), after: Vec::new(), top: 0.0 };
    let mut items: Vec<Item> = blocks.iter().zip(&layer_of).map(|(block, layer)| new(*layer, block.height)).collect();
    let mut lanes: BTreeMap<(usize, usize), Vec<usize>> = BTreeMap::new();
    for (to, block) in blocks.iter().enumerate() {
        for from in &block.reads {
            let mut last = *from;
            let mut lane = Vec::new();
            for layer in layer_of[*from] + 1..layer_of[to] {
                items.push(new(layer, LANE));
                let item = items.len() - 1;
                link(&mut items, last, item);
                lane.push(item);
                last = item;
            }
            link(&mut items, last, to);
            lanes.insert((*from, to), lane);
        }
    }
    let mut layers: Vec<Vec<usize>> = vec![Vec::new(); layer_of.iter().max().map_or(0, |last| last + 1)];
    for (index, item) in items.iter().enumerate() {
        layers[item.layer].push(index);
    }
    order(&items, &mut layers);
    stack(&mut items, &layers);
    coordinates(blocks, &layer_of, &items, &layers, &lanes)
}

fn link(items: &mut [Item], from: usize, to: usize) {
    items[from].after.push(to);
    items[to].before.push(from);
}

/// Orders each layer by the mean place of its neighbours, to and fro, and keeps the order with the fewest crossings.
fn order(items: &[Item], layers: &mut Vec<Vec<usize>>) {
    let mut best = (crossings(items, layers), layers.clone());
    for sweep in 0..SWEEPS {
        let is_forward = sweep % 2 == 0;
        let count = layers.len();
        for step in 1..count {
            let (layer, neighbour) = match is_forward {
                true => (step, step - 1),
                false => (count - 1 - step, count - step),
            };
            let places = places(&layers[neighbour]);
            let old = self::places(&layers[layer]);
            let weight = |item: &usize| {
                let neighbours = if is_forward { &items[*item].before } else { &items[*item].after };
                let known: Vec<f64> =
                    neighbours.iter().filter_map(|item| places.get(item)).map(|p| *p as f64).collect();
                match known.is_empty() {
                    true => old.get(item).map_or(0.0, |place| *place as f64),
                    false => known.iter().sum::<f64>() / known.len() as f64,
                }
            };
            layers[layer].sort_by(|a, b| weight(a).total_cmp(&weight(b)));
        }
        let now = crossings(items, layers);
        if now < best.0 {
            best = (now, layers.clone());
        }
    }
    *layers = best.1;
}

fn places(layer: &[usize]) -> BTreeMap<usize, usize> {
    layer.iter().enumerate().map(|(place, item)| (*item, place)).collect()
}

fn crossings(items: &[Item], layers: &[Vec<usize>]) -> usize {
    let mut count = 0;
    for pair in layers.windows(2) {
        let right = places(&pair[1]);
        let ends: Vec<Vec<usize>> = pair[0]
            .iter()
            .map(|item| items[*item].after.iter().filter_map(|to| right.get(to).copied()).collect())
            .collect();
        for (upper, later) in ends.iter().enumerate() {
            for lower in &ends[upper + 1..] {
                count += later.iter().map(|a| lower.iter().filter(|b| *b < a).count()).sum::<usize>();
            }
        }
    }
    count
}

/// Heights: every item as near to the middle of its neighbours as the order and the gaps allow.
fn stack(items: &mut [Item], layers: &[Vec<usize>]) {
    for layer in layers {
        let mut top = 0.0;
        for item in layer {
            items[*item].top = top;
            top += items[*item].height + GAP;
        }
    }
    for sweep in 0..SWEEPS {
        let sequence: Vec<&Vec<usize>> =
            if sweep % 2 == 0 { layers.iter().collect() } else { layers.iter().rev().collect() };
        for layer in sequence {
            let wanted: Vec<f64> = layer
                .iter()
                .map(|index| {
                    let item = &items[*index];
                    let neighbours: Vec<f64> =
                        item.before.iter().chain(&item.after).map(|other| items[*other].middle()).collect();
                    match neighbours.is_empty() {
                        true => item.top,
                        false => neighbours.iter().sum::<f64>() / neighbours.len() as f64 - item.height / 2.0,
                    }
                })
                .collect();
            let heights: Vec<f64> = layer.iter().map(|index| items[*index].height).collect();
            for (index, top) in layer.iter().zip(nearest(&wanted, &heights)) {
                items[*index].top = top;
            }
        }
    }
    let highest = items.iter().map(|item| item.top).fold(f64::INFINITY, f64::min);
    for item in items {
        item.top -= highest;
    }
}

/// The places nearest to those wanted (in least squares) that keep order and gaps: neighbours that want too close
/// are pooled and share their mean.
fn nearest(wanted: &[f64], heights: &[f64]) -> Vec<f64> {
    let mut offset = 0.0;
    let mut pools: Vec<(f64, usize)> = Vec::new();
    let mut offsets = Vec::new();
    for (want, height) in wanted.iter().zip(heights) {
        offsets.push(offset);
        pools.push((want - offset, 1));
        offset += height + GAP;
        while let [.., (above, m), (below, n)] = pools.as_slice()
            && above > below
        {
            let pooled = ((above * *m as f64 + below * *n as f64) / (m + n) as f64, m + n);
            pools.truncate(pools.len() - 2);
            pools.push(pooled);
        }
    }
    let shared = pools.iter().flat_map(|(place, count)| std::iter::repeat_n(*place, *count));
    shared.zip(offsets).map(|(place, offset)| place + offset).collect()
}

fn coordinates(
    blocks: &[Block],
    layer_of: &[usize],
    items: &[Item],
    layers: &[Vec<usize>],
    lanes: &BTreeMap<(usize, usize), Vec<usize>>,
) -> Layout {
    let mut widths = vec![0.0_f64; layers.len()];
    for (block, layer) in blocks.iter().zip(layer_of) {
        widths[*layer] = widths[*layer].max(block.width);
    }
    let mut left = Vec::with_capacity(widths.len());
    let mut x = 0.0;
    for width in &widths {
        left.push(x);
        x += width + LAYER_GAP;
    }
    let points = |lane: &Vec<usize>| {
        let ends = |index: &usize| {
            let (item, layer) = (&items[*index], items[*index].layer);
            [(left[layer], item.middle()), (left[layer] + widths[layer], item.middle())]
        };
        lane.iter().flat_map(ends).collect()
    };
    Layout {
        corners: layer_of.iter().zip(items).map(|(layer, item)| (left[*layer], item.top)).collect(),
        widths: layer_of.iter().map(|layer| widths[*layer]).collect(),
        lanes: lanes.iter().map(|(link, lane)| (*link, points(lane))).collect(),
        width: (x - LAYER_GAP).max(0.0),
        height: items.iter().map(|item| item.top + item.height).fold(0.0, f64::max),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_do_not_overlap_and_stand_right_of_what_they_read() {
        let block = |reads: &[usize]| Block { width: 100.0, height: 30.0, reads: reads.to_vec() };
        let blocks = [block(&[]), block(&[0]), block(&[0]), block(&[1, 2]), block(&[0, 3]), block(&[])];
        let layout = place(&blocks);
        for (index, (x, y)) in layout.corners.iter().enumerate() {
            assert!(blocks[index].reads.iter().all(|read| layout.corners[*read].0 < *x));
            let clash = |other: &(f64, f64)| other.0 == *x && (other.1 - y).abs() < 30.0;
            assert_eq!(layout.corners.iter().filter(|other| clash(other)).count(), 1, "{layout:?}");
        }
        // The link from 0 to 4 passes two layers.
        assert_eq!(layout.lanes[&(0, 4)].len(), 4);
        assert!(layout.lanes[&(0, 1)].is_empty());
    }

    #[test]
    fn what_wants_too_close_shares_the_mean() {
        assert_eq!(nearest(&[0.0, 0.0], &[10.0, 10.0]), [-14.0, 14.0]);
        assert_eq!(nearest(&[0.0, 100.0], &[10.0, 10.0]), [0.0, 100.0]);
    }
}
