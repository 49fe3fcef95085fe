//! Elements that become one array: all of them, or those with different keys.

use std::hash::Hash;

use indexmap::IndexMap;

use super::Keep;
use super::bounds::Room;
use crate::progress::{Restorer, Saver};

/// Elements that are held until they become one array.
pub(super) trait Group<T: 'static>: Send + 'static {
    /// Adds an element, or says why there is no room for it.
    fn put(&mut self, element: T) -> Result<(), String>;

    /// How many elements there are.
    fn len(&self) -> usize;

    /// Empties the group.
    fn take(&mut self) -> Vec<T>;

    /// Writes the elements, in their order.
    fn save(&self, saver: &mut Saver<'_>) -> Result<(), String>;

    /// Replaces the elements by those that were written.
    fn restore(&mut self, restorer: &mut Restorer<'_>) -> Result<(), String> {
        self.take();
        restorer.values()?.into_iter().try_for_each(|element| self.put(element))
    }
}

/// All elements.
pub(super) struct All<T> {
    elements: Vec<T>,
    room: Room<T>,
    /// The room that the elements take.
    taken: usize,
}

impl<T> All<T> {
    pub(super) fn new(room: Room<T>) -> Self {
        Self { elements: Vec::new(), room, taken: 0 }
    }
}

impl<T: Send + 'static> Group<T> for All<T> {
    fn put(&mut self, element: T) -> Result<(), String> {
        self.taken = self.room.with(self.taken, &element)?;
        self.elements.push(element);
        Ok(())
    }

    fn len(&self) -> usize {
        self.elements.len()
    }

    fn take(&mut self) -> Vec<T> {
        self.taken = 0;
        std::mem::take(&mut self.elements)
    }

    fn save(&self, saver: &mut Saver<'_>) -> Result<(), String> {
        saver.values(&self.elements)
    }
}

/// Elements with different keys.
pub(super) struct Different<T, K, F> {
    elements: IndexMap<K, T>,
    key: F,
    keep: Keep,
    room: Room<T>,
    /// The room that the elements take.
    taken: usize,
}

impl<T, K, F> Different<T, K, F> {
    pub(super) fn new(key: F, keep: Keep, room: Room<T>) -> Self {
        Self { elements: IndexMap::new(), key, keep, room, taken: 0 }
    }
}

impl<T, K, F> Group<T> for Different<T, K, F>
where
    T: Send + 'static,
    K: Eq + Hash + Send + 'static,
    F: FnMut(&T) -> K + Send + 'static,
{
    fn put(&mut self, element: T) -> Result<(), String> {
        let key = (self.key)(&element);
        let before = self.elements.get(&key);
        if before.is_some() && self.keep == Keep::First {
            return Ok(());
        }
        let others = self.taken - before.map_or(0, |before| self.room.weigh(before));
        self.taken = self.room.with(others, &element)?;
        self.elements.shift_remove(&key);
        self.elements.insert(key, element);
        Ok(())
    }

    fn len(&self) -> usize {
        self.elements.len()
    }

    fn take(&mut self) -> Vec<T> {
        self.taken = 0;
        self.elements.drain(..).map(|(_, element)| element).collect()
    }

    fn save(&self, saver: &mut Saver<'_>) -> Result<(), String> {
        saver.values(self.elements.values())
    }
}
