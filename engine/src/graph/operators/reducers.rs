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

    /// Takes an element, if the state then takes no more bytes than there is room for; else leaves it as it was.
    fn add(&mut self, state: &mut Self::State, element: T, room: usize) -> Result<(), Refusal>;

    /// A state as checkpoints hold it.
    fn saved(&self, state: &Self::State) -> Self::Saved;

    /// The state that was saved.
    fn restored(&self, saved: Self::Saved) -> Result<Self::State, String>;

    /// How many bytes a key takes.
    fn weigh_key(&self, key: &Self::Key) -> usize {
        let _ = key;
        0
    }

    /// How many bytes a state takes.
    fn weigh(&self, state: &Self::State) -> usize {
        let _ = state;
        0
    }
}

/// Why an element does not come to a state.
pub(crate) enum Refusal {
    /// There is no room for it.
    Full,
    /// The state can't be changed by it, for this reason.
    Unfit(String),
}

impl From<String> for Refusal {
    fn from(reason: String) -> Self {
        Self::Unfit(reason)
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

    fn add(&mut self, state: &mut S, element: T, _: usize) -> Result<(), Refusal> {
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

impl<T, G> Reducer<T> for Groups<T, G>
where
    T: Clone + Send + 'static,
    G: FnMut(&T) -> Vec<u8> + Send + 'static,
{
    type Key = Vec<u8>;
    type State = (Vec<T>, usize);
    type Saved = Vec<T>;

    fn key(&mut self, element: &T) -> Vec<u8> {
        (self.key)(element)
    }

    fn begin(&self) -> Self::State {
        (Vec::new(), 0)
    }

    fn add(&mut self, state: &mut Self::State, element: T, room: usize) -> Result<(), Refusal> {
        let (before, (elements, taken)) = (self.weigh(state), state);
        let with = self.room.with(*taken, &element)?;
        if before + size_of::<T>() + (with - *taken) > room {
            return Err(Refusal::Full);
        }
        *taken = with;
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

    fn weigh_key(&self, key: &Vec<u8>) -> usize {
        key.len() + size_of::<(Vec<u8>, Self::State)>()
    }

    fn weigh(&self, (elements, taken): &Self::State) -> usize {
        taken + elements.len() * size_of::<T>()
    }
}
