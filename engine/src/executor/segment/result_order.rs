//! The order in which results are owed: a list in which a place can be cut in two.

use slab::Slab;

/// A place in the order.
pub(crate) type Slot = usize;

/// An ordered list of places, each with what is known of it. All operations take constant time.
pub(super) struct ResultOrder<T> {
    nodes: Slab<ListItem<T>>,
    head: Option<Slot>,
    tail: Option<Slot>,
}

struct ListItem<T> {
    value: T,
    before: Option<Slot>,
    after: Option<Slot>,
}

impl<T> ResultOrder<T> {
    pub(super) fn new() -> Self {
        Self { nodes: Slab::new(), head: None, tail: None }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.head.is_none()
    }

    pub(super) fn head(&self) -> Option<Slot> {
        self.head
    }

    pub(super) fn tail(&self) -> Option<Slot> {
        self.tail
    }

    pub(super) fn get_mut(&mut self, slot: Slot) -> &mut T {
        &mut self.nodes[slot].value
    }

    pub(super) fn get(&self, slot: Slot) -> &T {
        &self.nodes[slot].value
    }

    /// The place before one.
    pub(super) fn before(&self, slot: Slot) -> Option<Slot> {
        self.nodes[slot].before
    }

    /// All places, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.nodes.iter().map(|(_, node)| &node.value)
    }

    /// The places after one, in their order.
    pub(super) fn behind(&self, slot: Slot) -> impl Iterator<Item = Slot> {
        std::iter::successors(self.nodes[slot].after, |slot| self.nodes[*slot].after)
    }

    /// Adds a place at the end.
    pub(super) fn push(&mut self, value: T) -> Slot {
        self.insert(self.tail, value)
    }

    /// Adds a place right after another.
    pub(super) fn insert_after(&mut self, slot: Slot, value: T) -> Slot {
        self.insert(Some(slot), value)
    }

    fn insert(&mut self, before: Option<Slot>, value: T) -> Slot {
        let after = before.and_then(|slot| self.nodes[slot].after);
        let slot = self.nodes.insert(ListItem { value, before, after });
        match before {
            Some(before) => self.nodes[before].after = Some(slot),
            None => self.head = Some(slot),
        }
        match after {
            Some(after) => self.nodes[after].before = Some(slot),
            None => self.tail = Some(slot),
        }
        slot
    }

    /// Takes a place out.
    pub(super) fn remove(&mut self, slot: Slot) -> T {
        let ListItem { value, before, after } = self.nodes.remove(slot);
        match before {
            Some(before) => self.nodes[before].after = after,
            None => self.head = after,
        }
        match after {
            Some(after) => self.nodes[after].before = before,
            None => self.tail = before,
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drained(mut order: ResultOrder<char>) -> String {
        std::iter::from_fn(|| order.head().map(|head| order.remove(head))).collect()
    }

    #[test]
    fn a_split_slot_keeps_its_order() {
        let mut order = ResultOrder::new();
        let a = order.push('a');
        let d = order.push('d');
        let b = order.insert_after(a, 'b');
        order.insert_after(b, 'c');
        order.insert_after(d, 'e');
        assert_eq!(drained(order), "abcde");
    }

    #[test]
    fn a_slot_can_be_removed_anywhere() {
        let mut order = ResultOrder::new();
        let [a, _, c, _, e] = ['a', 'b', 'c', 'd', 'e'].map(|value| order.push(value));
        for slot in [c, a, e] {
            order.remove(slot);
        }
        order.push('f');
        assert_eq!(drained(order), "bdf");
    }
}
