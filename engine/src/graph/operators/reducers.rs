//! What becomes of the elements of a key.

use std::hash::Hash;

use super::bounds::Room;

/// What becomes of the elements of a key.
pub(crate) trait Reducer<T>: Send + 'static {
    type Key: Clone + Eq + Hash + Send + 'static;
    type State: Clone + Send + 'static;
    /// A state as checkpoints hold it.
    type Saved: 'static;

    fn key(&mut self, element: &T) -> Self::Key;

    /// The state of a key that has no element yet.
    fn begin(&self) -> Self::State;

    /// Takes an element, or says why not and leaves the state as it was.
    fn add(&mut self, state: &mut Self::State, element: T) -> Result<(), String>;

    /// A state as checkpoints hold it.
    fn saved(&self, state: &Self::State) -> Self::Saved;

    /// The state that was saved.
    fn restored(&self, saved: Self::Saved) -> Result<Self::State, String>;

    /// How many bytes a key and its state take.
    fn weigh(&self, key: &Self::Key, state: &Self::State) -> usize {
        let _ = (key, state);
        0
    }

    /// How many bytes more an element may make it.
    fn cost(&self, element: &T) -> usize {
        let _ = element;
        0
    }
}

/// Closures.
pub(super) struct Fold<G, S, F> {
    pub(super) key: G,
    pub(super) start: S,
    pub(super) f: F,
}

impl<T, K, S, G, F> Reducer<T> for Fold<G, S, F>
where
    K: Clone + Eq + Hash + Send + 'static,
    S: Clone + Send + 'static,
    G: FnMut(&T) -> K + Send + 'static,
    F: FnMut(&mut S, T) + Send + 'static,
{
    type Key = K;
    type State = S;
    type Saved = S;

    fn key(&mut self, element: &T) -> K {
        (self.key)(element)
    }

    fn begin(&self) -> S {
        self.start.clone()
    }

    fn add(&mut self, state: &mut S, element: T) -> Result<(), String> {
        (self.f)(state, element);
        Ok(())
    }

    fn saved(&self, state: &S) -> S {
        state.clone()
    }

    fn restored(&self, saved: S) -> Result<S, String> {
        Ok(saved)
    }
}

/// The elements of a key, and the bytes that they take.
pub(super) struct Groups<T, G> {
    pub(super) key: G,
    pub(super) room: Room<T>,
}

impl<T, K, G> Reducer<T> for Groups<T, G>
where
    T: Clone + Send + 'static,
    K: Clone + Eq + Hash + Send + 'static,
    G: FnMut(&T) -> K + Send + 'static,
{
    type Key = K;
    type State = (Vec<T>, usize);
    type Saved = Vec<T>;

    fn key(&mut self, element: &T) -> K {
        (self.key)(element)
    }

    fn begin(&self) -> Self::State {
        (Vec::new(), 0)
    }

    fn add(&mut self, (elements, taken): &mut Self::State, element: T) -> Result<(), String> {
        *taken = self.room.with(*taken, &element)?;
        elements.push(element);
        Ok(())
    }

    fn saved(&self, (elements, _): &Self::State) -> Vec<T> {
        elements.clone()
    }

    fn restored(&self, elements: Vec<T>) -> Result<Self::State, String> {
        let taken = elements.iter().try_fold(0, |taken, element| self.room.with(taken, element))?;
        Ok((elements, taken))
    }

    fn weigh(&self, _: &K, (elements, taken): &Self::State) -> usize {
        taken + elements.len() * size_of::<T>()
    }

    fn cost(&self, element: &T) -> usize {
        self.room.weigh(element) + size_of::<T>()
    }
}
